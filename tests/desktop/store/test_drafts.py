"""Text that was typed and not sent is there at the next start, however the window ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.store import Store, StoreError
from desktop.store.records import StoredAttachment
from tests.desktop.store.processes import line_of, python

NOTES = StoredAttachment("notes.md", 20, "Rain.\n```\ncode\n```", 7)
RAIN = StoredAttachment("雨.txt", 9, "雨")


def test_each_conversation_has_a_draft_and_so_has_the_one_not_begun(store: Store) -> None:
    first, second = (store.create_conversation(title=title).id for title in "ab")
    for conversation_id, text in ((None, "new"), (first, "early"), (second, "后来\n第二行"), (first, "one")):
        store.save_draft(conversation_id, text)
    assert [store.draft(conversation_id) for conversation_id in (None, first, second)] == ["new", "one", "后来\n第二行"]
    store.save_draft(None, "")
    assert [store.draft(conversation_id) for conversation_id in (None, first, second)] == ["", "one", "后来\n第二行"]


def test_the_system_prompt_of_the_conversation_not_begun_is_kept_beside_its_draft(store: Store) -> None:
    store.save_new_system_prompt("Be brief.")
    store.save_draft(None, "a question")
    store.save_draft(None, "")
    assert (store.new_system_prompt(), store.draft(None)) == ("Be brief.", "")


def test_titles_and_system_prompts_being_typed_are_kept_apart_from_those_that_hold(store: Store) -> None:
    conversation = store.create_conversation(title="old", system_prompt="Be brief.").id
    store.save_new_system_prompt("Be kind.")
    store.save_typed_text("title", conversation, "ne")
    store.save_typed_text("system_prompt", conversation, "")
    store.save_typed_text("system_prompt", None, "Be kind, an")
    assert (store.typed_text("title", conversation), store.typed_text("system_prompt", conversation)) == ("ne", "")
    assert (store.typed_text("system_prompt", None), store.new_system_prompt()) == ("Be kind, an", "Be kind.")
    held = store.conversation(conversation)
    assert (held.title, held.system_prompt) == ("old", "Be brief.")
    for what, conversation_id in (("title", conversation), ("system_prompt", conversation), ("system_prompt", None)):
        store.save_typed_text(what, conversation_id, None)
        assert store.typed_text(what, conversation_id) is None
    store.save_new_system_prompt("")
    assert store._db.rows("SELECT * FROM draft") == []


def test_open_edits_are_kept_and_the_message_stays_as_it_is(store: Store) -> None:
    conversation, other = store.create_conversation().id, store.create_conversation().id
    question = store.add_message(conversation, None, "user", "helo")
    answer = store.add_message(conversation, question.id, "assistant", "hi")
    store.save_edit(question.id, "hell")
    store.save_edit(question.id, "hello")
    store.save_edit(answer.id, "")
    assert store.edits(conversation) == {question.id: "hello", answer.id: ""}
    assert store.edits(other) == {}
    assert store.message(question.id).text == "helo"
    store.drop_edit(answer.id)
    assert store.edits(conversation) == {question.id: "hello"}


def test_the_files_of_a_draft_are_kept_beside_its_text_and_go_with_the_question(store: Store) -> None:
    conversation = store.create_conversation()
    store.save_draft_attachments(conversation.id, [NOTES, RAIN])
    store.save_draft_attachments(None, [RAIN])
    store.save_draft(conversation.id, "a question")
    store.save_draft(conversation.id, "")
    assert store.draft_attachments(conversation.id) == (NOTES, RAIN)
    store.save_draft_attachments(conversation.id, [NOTES])
    question = store.add_question(conversation, "What?", attachments=store.draft_attachments(conversation.id))
    assert question.attachments == (NOTES,)
    assert (store.draft_attachments(conversation.id), store.draft_attachments(None)) == ((), (RAIN,))
    store.add_question(None, "And?")
    assert store._db.rows("SELECT * FROM draft_attachments") == []


def test_the_long_files_of_a_draft_are_not_written_again_with_each_change_of_its_text(store: Store, path: Path) -> None:
    conversation = store.create_conversation().id
    store.save_draft_attachments(conversation, [StoredAttachment("long.txt", 1, "x" * 200_000)])
    store._db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    for length in range(20):
        store.save_draft(conversation, "word " * length)
    assert path.with_name(f"{path.name}-wal").stat().st_size < 5 * 200_000


@pytest.mark.parametrize("stored", ["not JSON", "{}", "[1]", '[{"name": 1}]', "[" * 5000, b"\xff"])
def test_files_of_a_draft_that_cannot_be_read_are_none(store: Store, stored: object) -> None:
    store.save_draft(None, "kept")
    with store._db.transaction():
        store._db.write("INSERT INTO draft_attachments VALUES (NULL, CAST(? AS TEXT))", stored)
    assert (store.draft_attachments(None), store.draft(None)) == ((), "kept")
    store.save_draft_attachments(None, [RAIN])
    assert store.draft_attachments(None) == (RAIN,)


def test_what_belongs_to_nothing_is_not_kept(store: Store) -> None:
    store.save_draft(99, "nowhere")
    store.save_draft_attachments(99, [RAIN])
    assert store._db.rows("SELECT * FROM draft_attachments") == []
    store.save_typed_text("title", 99, "nobody's")
    store.save_edit(99, "nothing")
    assert store._db.rows("SELECT * FROM draft") == store._db.rows("SELECT * FROM open_edit") == []


def test_drafts_and_edits_come_back_with_a_deleted_conversation_and_go_with_a_purged_one(store: Store) -> None:
    conversation = store.create_conversation().id
    question = store.add_message(conversation, None, "user", "helo")
    store.save_draft(conversation, "secret")
    store.save_draft_attachments(conversation, [RAIN])
    store.save_edit(question.id, "secret too")
    store.delete_conversation(conversation)
    store.restore_conversation(conversation)
    assert (store.draft(conversation), store.edits(conversation)) == ("secret", {question.id: "secret too"})
    assert store.draft_attachments(conversation) == (RAIN,)
    store.delete_conversation(conversation)
    store.purge_deleted(older_than_s=0)
    assert store._db.rows("SELECT * FROM draft_attachments") == []
    assert store._db.rows("SELECT * FROM draft") == store._db.rows("SELECT * FROM open_edit") == []


def test_search_finds_neither_drafts_nor_thinking(store: Store) -> None:
    conversation = store.create_conversation().id
    question = store.add_message(conversation, None, "user", "question")
    answer = store.start_answer(conversation, question.id, "m")
    store.finish(answer.id, "answer", status="complete", stats={}, thinking="zebra", thinking_seconds=1.5)
    store.save_draft(conversation, "zebra")
    store.save_edit(question.id, "zebra")
    assert store.search("zebra") == []
    assert [hit.message_id for hit in store.search("answer")] == [answer.id]


def test_thinking_grows_with_the_answer_and_is_kept_with_it(store: Store) -> None:
    conversation = store.create_conversation().id
    question = store.add_message(conversation, None, "user", "question")
    assert (question.thinking, question.thinking_seconds) == ("", None)
    answer = store.start_answer(conversation, question.id, "m")
    store.checkpoint(answer.id, "", thinking="first")
    store.checkpoint(answer.id, "a", thinking="first, second", thinking_seconds=2.5)
    store.finish(answer.id, "an answer", status="stopped", stats={})
    stored = store.message(answer.id)
    assert (stored.text, stored.thinking, stored.thinking_seconds) == ("an answer", "first, second", 2.5)
    with pytest.raises(StoreError, match="finished"):
        store.checkpoint(answer.id, "an answer", thinking="another")
    added = store.add_message(conversation, question.id, "assistant", "b", thinking="own", thinking_seconds=0.5)
    assert store.active_path(conversation)[-1] == added
    assert (added.thinking, added.thinking_seconds) == ("own", 0.5)


@pytest.mark.faults
def test_what_was_typed_survives_a_kill(path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from desktop.store import Store
from desktop.store.records import StoredAttachment
store = Store.open(Path(sys.argv[1]))
question = store.add_message(store.create_conversation().id, None, "user", "helo")
store.save_draft(None, "half a thou")
store.save_draft_attachments(None, [StoredAttachment("a.txt", 3, "text")])
store.save_typed_text("title", question.conversation_id, "half a ti")
store.save_typed_text("system_prompt", None, "half a pro")
store.save_edit(question.id, "hello")
print(question.id, flush=True)
time.sleep(600)
"""
    with python(script, path) as process:
        question_id = int(line_of(process))
    with Store.open(path) as store:
        conversation = store.message(question_id).conversation_id
        assert store.draft(None) == "half a thou"
        assert store.draft_attachments(None) == (StoredAttachment("a.txt", 3, "text"),)
        assert store.edits(conversation) == {question_id: "hello"}
        assert store.typed_text("title", conversation) == "half a ti"
        assert store.typed_text("system_prompt", None) == "half a pro"
