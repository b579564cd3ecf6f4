"""A conversation is read and written as a whole, and known again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from desktop.store import ConversationTree, Store, StoredSummary, StoreError, TreeMessage
from tests.support.trees import shown_everywhere


def talk(store: Store) -> int:
    """Two versions of the question, two answers to the first, the older of them shown."""
    conversation = store.create_conversation(title="Rain", system_prompt="Be brief.", model="starter")
    question = store.add_message(conversation.id, None, "user", "What is rain?")
    answer = store.start_answer(conversation.id, question.id, "starter")
    store.finish(
        answer.id, "Water.", status="length", stats={"tokens_per_s": 41.5}, thinking="Hm.", thinking_seconds=1.5
    )
    store.add_message(conversation.id, question.id, "assistant", "Falling water.")
    store.add_message(conversation.id, None, "user", "What is snow?")
    store.show(answer.id)
    store.rename(conversation.id, "Weather")
    store.set_pinned(conversation.id, pinned=True)
    store.set_overflow(conversation.id, "summarise")
    store.set_left_out(conversation.id, [question.id])
    store.set_message_pinned(answer.id, True)
    store.save_summary([question.id], "About rain.")
    return conversation.id


def test_a_tree_holds_all_of_a_conversation(store: Store) -> None:
    tree = store.tree(talk(store))
    assert [(m.parent, m.role, m.text) for m in tree.messages] == [
        (None, "user", "What is rain?"),
        (0, "assistant", "Water."),
        (0, "assistant", "Falling water."),
        (None, "user", "What is snow?"),
    ]
    assert (tree.title, tree.title_is_auto, tree.system_prompt, tree.pinned) == ("Weather", False, "Be brief.", True)
    assert (tree.active_leaf, tree.left_out, tree.messages[0].active_child) == (1, (0,), 1)
    assert [message.pinned for message in tree.messages] == [False, True, False, False]
    assert [(s.message_id, s.covers, s.text) for s in tree.summaries] == [(0, (0,), "About rain.")]
    first = tree.messages[1]
    assert (first.status, first.stats, first.thinking_seconds) == ("length", {"tokens_per_s": 41.5}, 1.5)
    assert [message.text for message in tree.active_path()] == ["What is rain?", "Water."]


def test_a_tree_becomes_the_same_conversation(store: Store, tmp_path: Path) -> None:
    tree = store.tree(talk(store))
    with Store.open(tmp_path / "other.sqlite3") as other:
        conversation_id = other.add_tree(tree)
        assert other.tree(conversation_id) == tree
        assert shown_everywhere(other, conversation_id) == shown_everywhere(store, 1)
        assert [hit.snippet for hit in other.search("Falling")] == ["Falling water."]


def test_a_summary_of_no_message_is_not_added(store: Store) -> None:
    summaries = (StoredSummary(0, (), "of nothing", 5.0), StoredSummary(0, (0,), "of a", 6.0))
    tree = ConversationTree((TreeMessage(None, "user", "a"),), active_leaf=0, summaries=summaries)
    assert store.tree(store.add_tree(tree)).summaries == summaries[1:]


def test_what_fails_in_the_middle_leaves_nothing(store: Store) -> None:
    broken = ConversationTree((TreeMessage(None, "user", "a"), TreeMessage(0, "nobody", "b")))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.add_tree(broken)
    assert store.conversations() == []
    assert store._db.rows("SELECT count(*) FROM message") == [(0,)]


def test_an_answer_under_way_comes_in_as_interrupted(store: Store) -> None:
    tree = ConversationTree((TreeMessage(None, "assistant", "half", status="streaming"),), active_leaf=0)
    assert store.tree(store.add_tree(tree)).messages[0].status == "interrupted"


def test_a_conversation_is_known_again_by_its_digest_until_it_is_deleted(store: Store) -> None:
    tree = ConversationTree((TreeMessage(None, "user", "a"),), created_at=5.0)
    other = ConversationTree((TreeMessage(None, "user", "b"),), created_at=5.0)
    conversation_id = store.add_tree(tree, imported_from="abc")
    assert store.has_tree(other, imported_from="abc")
    assert not store.has_tree(other, imported_from="abd")
    store.delete_conversation(conversation_id)
    assert not store.has_tree(tree, imported_from="abc")


def test_a_conversation_is_known_again_by_what_was_said_and_may_have_gone_on(store: Store) -> None:
    conversation_id = talk(store)
    tree = store.tree(conversation_id)
    assert store.has_tree(tree)
    path = store.active_path(conversation_id)
    store.add_message(conversation_id, path[-1].id, "user", "And hail?")
    store.rename(conversation_id, "Other")
    assert store.has_tree(tree)
    store.delete_conversation(conversation_id)
    earlier = store.add_tree(tree)
    store.restore_conversation(conversation_id)
    longer = store.tree(conversation_id)
    store.delete_conversation(conversation_id)
    assert store.tree(earlier) == tree
    assert not store.has_tree(longer)


def test_another_thread_reads_and_writes_beside_the_window(store: Store) -> None:
    tree = store.tree(talk(store))
    open_beside = store.beside()
    seen: list[object] = []

    def work() -> None:
        with open_beside() as beside:
            seen.extend(row.title for row in beside.conversations())
            seen.append(beside.add_tree(tree, imported_from="x"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["Weather", 2]
    assert store.tree(2) == tree
    assert {hit.conversation_id for hit in store.search("Falling")} == {1, 2}


def test_beside_a_store_for_reading_nothing_is_written(store: Store, path: Path) -> None:
    tree = store.tree(talk(store))
    with Store.open_for_reading(path) as reading, reading.beside()() as beside:
        assert beside.tree(1) == tree
        with pytest.raises(StoreError, match="can be read but not written") as caught:
            beside.add_tree(tree)
    assert caught.value.details["path"] == str(path)  # not the copy that is open
