"""Typed text survives switching conversations, closing, a killed process and a full disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.chat.drafting import DELAY_S
from desktop.store import Store
from tests.support.desk import Desk, make_desk
from tests.support.fake_engine import FakeEngines
from tests.support.full_disk import full_disk


def begin(desk: Desk, question: str = "one", answer: str = "ONE") -> int:
    """A conversation with an answer."""
    desk.controller.messages.send(question)
    desk.engines.last.say(answer)
    desk.engines.last.finish()
    assert desk.controller.conversation is not None
    return desk.controller.conversation.id


def test_what_is_typed_is_in_the_store_well_under_a_second_later(desk: Desk, qtbot: QtBot) -> None:
    assert DELAY_S < 0.5
    conversation = begin(desk)
    question = desk.path[0].id
    for length in range(1, 6):
        desk.controller.drafting.set_draft(None, "hello"[:length])
        desk.controller.drafting.set_draft(conversation, "again"[:length])
        desk.controller.drafting.set_edit(question, "other"[:length])
    qtbot.waitUntil(lambda: desk.store.edits(conversation) == {question: "other"}, timeout=1000)
    assert (desk.store.draft(None), desk.store.draft(conversation)) == ("hello", "again")


def test_it_is_in_the_store_at_once_when_another_conversation_is_opened(desk: Desk) -> None:
    conversation = begin(desk)
    desk.controller.drafting.set_draft(conversation, "half a thought")
    desk.controller.conversations.new_chat()
    assert desk.store.draft(conversation) == "half a thought"
    desk.controller.drafting.set_draft(None, "another")
    desk.controller.conversations.open(conversation)
    assert desk.store.draft(None) == "another"


def test_it_is_there_again_after_closing(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    with Store.open(path) as store:
        desk = make_desk(store, FakeEngines())
        desk.controller.start()
        conversation = begin(desk)
        question = desk.path[0].id
        desk.controller.drafting.set_draft(conversation, "draft")
        desk.controller.drafting.set_edit(question, "edit")
        desk.controller.conversations.new_chat()
        desk.controller.conversations.set_system_prompt("Be brief.")
        desk.controller.drafting.set_draft(None, "new")
        desk.controller.close()
    with Store.open(path) as store:
        desk = make_desk(store, FakeEngines())
        desk.controller.start()
        assert (desk.controller.drafting.draft(None), desk.controller.drafting.draft(conversation)) == ("new", "draft")
        assert desk.controller.conversations.system_prompt == "Be brief."
        desk.controller.conversations.open(conversation)
        assert desk.controller.drafting.edits(desk.controller.conversation.id) == {question: "edit"}
        desk.controller.close()


def test_a_draft_that_was_sent_is_one_no_longer(desk: Desk) -> None:
    desk.controller.drafting.set_draft(None, "one")
    desk.controller.conversations.set_system_prompt("Be brief.")
    conversation = begin(desk, "one")
    assert (desk.store.draft(None), desk.store.new_system_prompt()) == ("", "")
    assert desk.controller.conversation.system_prompt == "Be brief."
    desk.controller.drafting.set_draft(conversation, "two")
    desk.controller.messages.send("two")
    assert desk.store.draft(conversation) == ""
    desk.controller.save()
    assert (desk.store.draft(None), desk.store.draft(conversation)) == ("", "")
    desk.controller.conversations.new_chat()
    assert desk.controller.conversations.system_prompt == ""


def test_an_edit_outlives_the_next_question_and_becomes_a_version_after_it(desk: Desk) -> None:
    begin(desk)
    question = desk.path[0].id
    desk.controller.drafting.set_edit(question, "ein")
    desk.controller.messages.send("two")
    assert not desk.controller.messages.edit(question, "eins")  # not while an answer is being made; the editor stays
    desk.controller.drafting.set_edit(question, "eins")
    desk.engines.last.say("TWO")
    desk.engines.last.finish()
    assert desk.controller.drafting.edits(desk.controller.conversation.id) == {question: "eins"}
    assert desk.controller.messages.edit(question, "eins")
    assert [m.text for m in desk.path] == ["eins"]
    assert (
        desk.controller.drafting.edits(desk.controller.conversation.id)
        == desk.store.edits(desk.controller.conversation.id)
        == {}
    )


def test_an_edit_outlives_another_version_of_what_is_edited(desk: Desk) -> None:
    begin(desk)
    first = desk.path[0].id
    desk.controller.drafting.set_edit(first, "from the first")
    desk.controller.messages.edit(first, "second")
    desk.engines.last.finish()
    assert desk.controller.drafting.edits(desk.controller.conversation.id) == {}  # saved, with other words
    second = desk.path[0].id
    desk.controller.drafting.set_edit(second, "from the second")
    desk.controller.messages.switch_version(second, -1)
    assert desk.path[0].id == first
    assert desk.controller.drafting.edits(desk.controller.conversation.id) == {second: "from the second"}
    assert desk.controller.messages.edit(second, "third")
    assert desk.path[0].text == "third"
    assert desk.path[0].sibling_count == 3


def test_a_closed_editor_stays_closed(desk: Desk) -> None:
    begin(desk)
    question = desk.path[0].id
    desk.controller.drafting.set_edit(question, "other")
    desk.controller.save()
    desk.controller.drafting.set_edit(question, None)
    assert desk.controller.drafting.edits(desk.controller.conversation.id) == {}
    desk.controller.save()
    assert desk.store.edits(desk.controller.conversation.id) == {}


def test_an_edit_that_cannot_be_stored_stays_open(desk: Desk) -> None:
    begin(desk)
    question = desk.path[0].id
    with full_disk(desk.store):
        assert not desk.controller.messages.edit(question, "other " * 2000)
        assert desk.notices[-1].kind == "disk_full"
        assert desk.shape[0] == ("user", "one", "complete")
    assert desk.controller.messages.edit(question, "other " * 2000)


def test_what_is_typed_while_the_disk_is_full_is_written_when_there_is_space(desk: Desk, qtbot: QtBot) -> None:
    long = "word " * 3000
    with full_disk(desk.store):
        desk.controller.drafting.set_draft(None, long)
        desk.controller.drafting.set_draft(None, long + "end")
        assert not desk.controller.save()
        assert [notice.kind for notice in desk.notices] == ["disk_full"]
        assert not desk.controller.save()
        assert len(desk.notices) == 1
        assert desk.controller.drafting.draft(None) == long + "end"
    qtbot.waitUntil(lambda: desk.store.draft(None) == long + "end", timeout=6000)


@pytest.mark.parametrize("text", ["one \ud83d", "nul \0 inside"])
def test_what_is_no_text_is_kept_as_far_as_it_is(desk: Desk, text: str) -> None:
    desk.controller.drafting.set_draft(None, text)
    assert desk.controller.save()
    assert desk.store.draft(None).startswith(text[:4])


def test_a_system_prompt_that_the_full_disk_refuses_is_not_taken(desk: Desk) -> None:
    begin(desk)
    with full_disk(desk.store):
        assert not desk.controller.conversations.set_system_prompt("Be brief. " * 1000)
    assert desk.controller.conversations.set_system_prompt("Be brief. " * 1000)


def test_a_title_that_the_full_disk_refuses_is_still_typed(desk: Desk) -> None:
    conversation = begin(desk)
    desk.controller.drafting.set_typed_text("title", conversation, "Long " * 1000)
    with full_disk(desk.store):
        desk.controller.conversations.rename(conversation, "Long " * 1000)
        assert desk.controller.drafting.typed_text("title", conversation) == "Long " * 1000
    desk.controller.conversations.rename(conversation, "Long " * 1000)
    assert desk.controller.drafting.typed_text("title", conversation) is None


@pytest.mark.parametrize("begun", [True, False])
def test_a_system_prompt_that_is_set_is_being_typed_no_longer(desk: Desk, begun: bool) -> None:
    conversation_id = begin(desk) if begun else None
    desk.controller.drafting.set_typed_text("system_prompt", conversation_id, "Be bri")
    assert desk.controller.conversations.set_system_prompt("Be brief.")
    assert desk.controller.save()
    assert desk.store.typed_text("system_prompt", conversation_id) is None
    assert desk.controller.conversations.system_prompt == "Be brief."


def test_the_banner_goes_when_what_was_typed_is_stored(desk: Desk) -> None:
    cleared: list[str] = []
    desk.controller.notice_cleared.connect(cleared.append)
    with full_disk(desk.store):
        desk.controller.drafting.set_draft(None, "word " * 3000)
        assert not desk.controller.save()
    assert desk.controller.save()
    assert desk.notices[-1].key in cleared
