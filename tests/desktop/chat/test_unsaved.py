"""Answers that the store refuses are held until it accepts them, and requests contain what the window shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.store import Store, StoredMessage, StoreError
from tests.support.desk import Desk, make_desk
from tests.support.fake_engine import FakeEngines
from tests.support.full_disk import full_disk

LONG = "an answer that needs more than one page of the file, " * 400


def on_screen(desk: Desk) -> list[StoredMessage]:
    """What the window would show of the open conversation."""
    opened: list[list[StoredMessage]] = []
    connection = desk.controller.conversation_opened.connect(lambda _, path: opened.append(path))
    desk.controller.conversations.open(desk.controller.conversation.id)
    desk.controller.conversation_opened.disconnect(connection)
    return opened[-1]


def test_an_answer_that_ends_on_a_full_disk_is_stored_when_there_is_space(desk: Desk, qtbot: QtBot) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("begun ")
    with full_disk(desk.store):
        engine.say(LONG)
        engine.finish()
        assert [notice.kind for notice in desk.notices] == ["disk_full"]
        shown = on_screen(desk)[-1]
        assert (shown.text, shown.status) == ("begun " + LONG, "complete")
        assert desk.shape[-1] == ("assistant", "begun ", "streaming")
        assert not desk.controller.save()
    qtbot.waitUntil(lambda: desk.shape[-1] == ("assistant", "begun " + LONG, "complete"), timeout=6000)
    assert desk.path[-1].stats["tokens_per_s"] == 40.0


def test_an_answer_that_begins_on_a_full_disk_is_shown_and_stored_later(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    with full_disk(desk.store):
        fill(desk.store)
        engine.say("first ")
        engine.say(LONG)
        assert on_screen(desk)[-1].text == "first " + LONG
        engine.finish()
        assert on_screen(desk)[-1].status == "complete"
        assert [m.role for m in desk.path] == ["user"]
    assert desk.controller.save()
    assert desk.shape[-1] == ("assistant", "first " + LONG, "complete")
    assert [m.id for m in on_screen(desk)] == [m.id for m in desk.path]
    assert [m.id for m in desk.paths[-1]] == [m.id for m in desk.path]  # and the window was emitted


def test_the_next_question_is_asked_with_all_of_the_answer_or_not_at_all(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("begun ")
    with full_disk(desk.store):
        engine.say(LONG)
        engine.finish()
        assert not desk.controller.messages.send("And then?")
        assert len(engine.requests) == 1
    assert desk.controller.messages.send("And then?")
    assert [m.content for m in engine.request.messages] == ["Hi", "begun " + LONG, "And then?"]
    assert [m.text for m in desk.path] == ["Hi", "begun " + LONG, "And then?"]


@pytest.mark.parametrize("ending", ["stop", "die", "load", "fail"])
def test_whatever_ends_an_answer_keeps_all_of_it(desk: Desk, ending: str) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("begun ")
    with full_disk(desk.store):
        engine.say(LONG)
        match ending:
            case "stop":
                desk.controller.messages.stop()
                engine.finish("stopped")
            case "die":
                engine.die()
            case "load":
                desk.controller.projects.choose_model("starter")
            case "fail":
                engine.fail("backend_error")
        assert on_screen(desk)[-1].text == "begun " + LONG
    assert desk.controller.save()
    status = {"stop": "stopped", "die": "interrupted", "load": "stopped", "fail": "error"}[ending]
    assert desk.shape[-1] == ("assistant", "begun " + LONG, status)


def test_the_answer_of_another_chat_waits_for_space_too(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("begun ")
    first = desk.controller.conversation.id
    desk.controller.conversations.new_chat()
    with full_disk(desk.store):
        engine.say(LONG)
        engine.finish()
        assert desk.store.active_path(first)[-1].text == "begun "
    assert desk.controller.save()
    assert desk.store.active_path(first)[-1].text == "begun " + LONG


def test_closing_writes_what_was_refused_before(qtbot: QtBot, tmp_path: Path) -> None:
    engines = FakeEngines()
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        desk.controller.start()
        desk.controller.messages.send("Hi")
        engines.last.say("begun ")
        with full_disk(store):
            engines.last.say(LONG)
            engines.last.finish()
        desk.controller.close()
        assert desk.shape[-1] == ("assistant", "begun " + LONG, "complete")


def test_an_answer_that_is_only_here_can_be_continued_and_edited(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    with full_disk(desk.store):
        fill(desk.store)
        engine.say("first ")
        desk.controller.messages.stop()
        engine.finish("stopped")
        shown = on_screen(desk)[-1]
        assert shown.id < 0
        desk.controller.messages.continue_answer(shown.id)
        assert len(engine.requests) == 1
    desk.controller.drafting.set_edit(shown.id, "edited")
    desk.controller.messages.continue_answer(shown.id)
    assert engine.request.continue_last
    engine.say("second")
    engine.finish()
    assert desk.shape[-1] == ("assistant", "first second", "complete")
    assert desk.controller.drafting.edits(desk.controller.conversation.id) == {desk.path[-1].id: "edited"}


def test_an_answer_that_is_stored_and_cannot_be_read_back_is_not_tried_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("all of it")

    def unreadable(message_id: int) -> StoredMessage:
        raise StoreError.of("io_error", path="x", reason=str(message_id))

    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "message", unreadable)
        engine.finish()
        assert desk.controller.save()
    assert desk.shape[-1] == ("assistant", "all of it", "complete")


def fill(store: Store) -> None:
    """Use up the free places inside the pages, too."""
    conversation = store.create_conversation(title="filler").id
    parent: int | None = None
    for size in (2000, 500, 100, 20, 1):
        try:
            while True:
                parent = store.add_message(conversation, parent, "user", "x" * size).id
        except StoreError:
            continue
