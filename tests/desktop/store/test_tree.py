"""Messages: versions, partial answers, and what the triggers of the file enforce."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from desktop.store import Store, StoredMessage, StoreError


def shown(store: Store, conversation_id: int) -> list[str]:
    return [message.text for message in store.active_path(conversation_id)]


def add(store: Store, conversation_id: int, parent: StoredMessage | None, text: str) -> StoredMessage:
    role = "assistant" if parent and parent.role == "user" else "user"
    return store.add_message(conversation_id, parent and parent.id, role, text)


@pytest.fixture
def conversation_id(store: Store) -> int:
    return store.create_conversation().id


def test_messages_in_a_row_are_the_path(store: Store, conversation_id: int) -> None:
    question = add(store, conversation_id, None, "what?")
    answer = store.add_message(conversation_id, question.id, "assistant", "that", model="starter")
    assert store.active_path(conversation_id) == [question, answer]
    assert (answer.role, answer.model, answer.status, answer.parent_id) == (
        "assistant",
        "starter",
        "complete",
        question.id,
    )
    assert store.conversation(conversation_id).active_leaf == answer.id
    assert store.message(answer.id) == answer


def test_editing_and_answering_again_keep_every_text(store: Store, conversation_id: int) -> None:
    q1 = add(store, conversation_id, None, "q1")
    a1 = add(store, conversation_id, q1, "a1")
    q2 = add(store, conversation_id, a1, "q2")
    add(store, conversation_id, q2, "a2")
    again = add(store, conversation_id, q1, "a1, again")
    assert shown(store, conversation_id) == ["q1", "a1, again"]
    assert (again.sibling_index, again.sibling_count) == (1, 2)
    edited = add(store, conversation_id, None, "q1, edited")
    assert shown(store, conversation_id) == ["q1, edited"]
    assert (edited.sibling_index, edited.sibling_count) == (1, 2)
    store.switch_version(edited.id, -1)
    assert shown(store, conversation_id) == ["q1", "a1, again"]
    store.switch_version(again.id, -1)
    assert shown(store, conversation_id) == ["q1", "a1", "q2", "a2"]


def test_switching_returns_to_the_leaf_that_was_last_shown_there(store: Store, conversation_id: int) -> None:
    q1 = add(store, conversation_id, None, "q1")
    a1 = add(store, conversation_id, q1, "a1")
    q2_old = add(store, conversation_id, a1, "q2 old")
    add(store, conversation_id, a1, "q2 new")
    store.switch_version(q2_old.id, +1)
    store.switch_version(q2_old.id, 0)
    assert shown(store, conversation_id) == ["q1", "a1", "q2 old"]
    a1_again = add(store, conversation_id, q1, "a1 again")
    store.switch_version(a1_again.id, -1)
    assert shown(store, conversation_id) == ["q1", "a1", "q2 old"]


def test_switching_beyond_the_ends_changes_nothing(store: Store, conversation_id: int) -> None:
    first = add(store, conversation_id, None, "first")
    last = add(store, conversation_id, None, "last")
    store.switch_version(last.id, +1)
    assert shown(store, conversation_id) == ["last"]
    store.switch_version(first.id, -1)
    assert shown(store, conversation_id) == ["last"]


def test_show_brings_a_message_of_another_version_onto_the_path(store: Store, conversation_id: int) -> None:
    q1 = add(store, conversation_id, None, "q1")
    a1 = add(store, conversation_id, q1, "a1")
    add(store, conversation_id, a1, "q2")
    add(store, conversation_id, None, "another beginning")
    store.show(a1.id)
    assert shown(store, conversation_id) == ["q1", "a1", "q2"]


def test_an_answer_from_start_to_end(store: Store, conversation_id: int) -> None:
    question = add(store, conversation_id, None, "q")
    answer = store.start_answer(conversation_id, question.id, "starter")
    assert (answer.role, answer.status, answer.text, answer.model) == ("assistant", "streaming", "", "starter")
    store.checkpoint(answer.id, "so f")
    assert store.message(answer.id).text == "so f"
    assert store.message(answer.id).status == "streaming"
    before = store.conversation(conversation_id).updated_at
    store.finish(answer.id, "so far, so good", status="length", stats={"tokens_per_s": 9.5, "note": "快"})
    done = store.message(answer.id)
    assert (done.text, done.status) == ("so far, so good", "length")
    assert done.stats == {"tokens_per_s": 9.5, "note": "快"}
    assert store.conversation(conversation_id).updated_at > before


def test_a_finished_answer_takes_no_more_text_until_it_is_resumed(store: Store, conversation_id: int) -> None:
    answer = store.start_answer(conversation_id, None, "m")
    store.finish(answer.id, "done", status="stopped", stats={})
    for write in (
        lambda: store.checkpoint(answer.id, "overwritten"),
        lambda: store.finish(answer.id, "overwritten", status="complete", stats={}),
    ):
        with pytest.raises(StoreError) as caught:
            write()
        assert caught.value.kind == "not_streaming"
    assert store.message(answer.id).text == "done"
    store.resume_answer(answer.id)
    assert (store.message(answer.id).status, store.message(answer.id).text) == ("streaming", "done")
    store.checkpoint(answer.id, "done and more")
    store.finish(answer.id, "done and more.", status="complete", stats={})
    assert shown(store, conversation_id) == ["done and more."]


def test_a_way_to_end_that_there_is_not(store: Store, conversation_id: int) -> None:
    answer = store.start_answer(conversation_id, None, "m")
    for status in ("streaming", "finished"):
        with pytest.raises(ValueError, match=status):
            store.finish(answer.id, "x", status=status, stats={})
    assert store.message(answer.id).status == "streaming"


def test_what_is_not_there_is_said_in_words(store: Store, conversation_id: int) -> None:
    mine = add(store, conversation_id, None, "mine")
    other = store.create_conversation().id
    for use in (
        lambda: store.message(99),
        lambda: store.checkpoint(99, "x"),
        lambda: store.finish(99, "x", status="complete", stats={}),
        lambda: store.resume_answer(99),
        lambda: store.resume_answer(mine.id),
        lambda: store.switch_version(99, 1),
        lambda: store.add_message(99, None, "user", "x"),
        lambda: store.add_message(other, mine.id, "user", "x"),
        lambda: store.add_message(conversation_id, 99, "user", "x"),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.kind == "not_found"
    assert store.active_path(other) == []


def test_answers_under_way_come_back_interrupted(path: Path) -> None:
    with Store.open(path) as store:
        here, gone = store.create_conversation().id, store.create_conversation().id
        question = add(store, here, None, "q")
        answer = store.start_answer(here, question.id, "m")
        store.checkpoint(answer.id, "the answer so far")
        lost = store.start_answer(gone, None, "m")
        store.delete_conversation(gone)
    with Store.open(path) as store:
        assert store.recovered == [answer.id]
        assert store.message(answer.id).status == store.message(lost.id).status == "interrupted"
        assert shown(store, here) == ["q", "the answer so far"]
        assert [hit.message_id for hit in store.search("so far")] == [answer.id]
    with Store.open(path) as store:
        assert store.recovered == []


def test_what_is_no_text_is_replaced_and_all_else_kept(store: Store, conversation_id: int) -> None:
    text = "é\u0301 👩‍👩‍👧 \U00020000 \r\n\t\x01\ufeff\uffff \u202e"
    assert add(store, conversation_id, None, text).text == text
    assert add(store, conversation_id, None, "a\0b\ud83dc").text == "a\ufffdb\ufffdc"
    store.rename(conversation_id, "\udc00")
    assert store.conversation(conversation_id).title == "\ufffd"
    assert [hit.message_id for hit in store.search("a\0b")] == [2]


def test_a_long_conversation(store: Store, conversation_id: int) -> None:
    message = None
    for number in range(1200):
        message = add(store, conversation_id, message, str(number))
    assert shown(store, conversation_id) == [str(number) for number in range(1200)]
    beginning = add(store, conversation_id, None, "another")
    store.switch_version(beginning.id, -1)
    assert len(store.active_path(conversation_id)) == 1200


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE message SET text = 'changed'", "text of a finished message"),
        ("UPDATE message SET thinking = 'of another'", "thinking of a finished message"),
        ("UPDATE message SET text = 'changed', status = 'streaming'", "text of a finished message"),
        ("UPDATE message SET parent_id = NULL", "keeps its place"),
        ("UPDATE message SET role = 'assistant'", "keeps its place"),
        ("UPDATE message SET status = 'unheard of'", "CHECK"),
        ("DELETE FROM message", "only messages of deleted"),
        ("DELETE FROM conversation", "only deleted conversations"),
        ("UPDATE conversation SET overflow = 'guess'", "CHECK"),
        (
            (
                "INSERT INTO message (id, conversation_id, parent_id, role, status, created_at)"
                " SELECT 9, 2, 1, role, status, 0 FROM message"
            ),
            "not a message of this conversation",
        ),
        (
            "INSERT INTO message (conversation_id, role, status, created_at) VALUES (77, 'user', 'complete', 0)",
            "FOREIGN KEY",
        ),
    ],
)
def test_the_file_itself_refuses_to_lose_text(store: Store, statement: str, reason: str) -> None:
    one, _other = store.create_conversation(), store.create_conversation()
    store.add_message(one.id, None, "user", "kept")
    before = store._db.rows("SELECT * FROM message")
    with pytest.raises(StoreError, match=reason), store._db.transaction():
        store._db.write(statement)
    assert store._db.rows("SELECT * FROM message") == before


def test_a_failure_in_the_middle_undoes_the_whole_change(store: Store, conversation_id: int, monkeypatch: Any) -> None:
    before = store.conversation(conversation_id)
    monkeypatch.setattr(store, "_activate_path_to", lambda _id: 1 / 0)
    first = store.add_message(conversation_id, None, "user", "one")
    with pytest.raises(ZeroDivisionError):
        store.add_message(conversation_id, None, "user", "two")
    assert store.active_path(conversation_id) == [first]
    assert store.conversation(conversation_id).created_at == before.created_at


def test_two_threads_are_a_bug_and_loud(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as other, pytest.raises(sqlite3.ProgrammingError, match="thread"):
        other.submit(store.conversations).result()
