"""Questions that cannot be answered yet wait in their conversations until they are answered or withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from desktop.chat.state import ContextUsage
from desktop.store import Store
from tests.support.desk import Desk, make_desk
from tests.support.fake_engine import FakeEngines


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines(ready_at_once=False)


def ask_in_new_chat(desk: Desk, text: str) -> int:
    desk.controller.conversations.new_chat()
    assert desk.controller.messages.send(text)
    assert desk.controller.conversation is not None
    return desk.controller.conversation.id


def states(desk: Desk, conversation: int) -> tuple[bool, str]:
    """What the window is emitted about a conversation when it is opened."""
    desk.controller.conversations.open(conversation)
    return desk.controller._shown_state


def answers(desk: Desk, conversation: int) -> list[tuple[str, str]]:
    return [(m.text, m.status) for m in desk.store.active_path(conversation)]


def test_a_question_waits_on_when_another_chat_is_opened_and_is_answered_in_its_own(desk: Desk) -> None:
    first = ask_in_new_chat(desk, "early")
    assert desk.emitted[-1] == ("waiting_changed", ("loading",))
    desk.controller.conversations.new_chat()
    assert desk.emitted[-1] == ("waiting_changed", ("",))
    engine = desk.engines.last
    engine.ready()
    assert engine.request.messages[-1].content == "early"
    engine.say("EARLY")
    engine.finish()
    assert answers(desk, first) == [("early", "complete"), ("EARLY", "complete")]


def test_questions_in_several_chats_are_answered_one_after_the_other(desk: Desk) -> None:
    chats = [ask_in_new_chat(desk, text) for text in ("a", "b", "c")]
    assert [states(desk, chat) for chat in chats] == [(False, "loading")] * 3
    engine = desk.engines.last
    engine.ready()
    assert [states(desk, chat) for chat in chats] == [(True, ""), (False, "answer"), (False, "answer")]
    for number, text in enumerate("abc"):
        assert engine.request.messages[-1].content == text
        assert len(engine.requests) == number + 1
        engine.say(text.upper())
        engine.finish()
    assert [answers(desk, chat)[-1] for chat in chats] == [(text, "complete") for text in "ABC"]
    assert [states(desk, chat) for chat in chats] == [(False, "")] * 3


def test_a_question_that_waits_can_be_taken_back_and_only_that_one(desk: Desk) -> None:
    first, second = ask_in_new_chat(desk, "a"), ask_in_new_chat(desk, "b")
    desk.controller.messages.stop()
    assert states(desk, second) == (False, "")
    assert answers(desk, second) == [("b", "stopped")]
    assert states(desk, first) == (False, "loading")
    desk.engines.last.ready()
    assert [r.messages[-1].content for r in desk.engines.last.requests] == ["a"]
    desk.controller.conversations.open(second)
    desk.controller.messages.regenerate(desk.path[-1].id)
    assert desk.emitted[-1] == ("waiting_changed", ("answer",))
    desk.engines.last.finish()
    assert desk.engines.last.request.messages[-1].content == "b"


def test_stop_in_one_chat_does_not_stop_another(desk: Desk) -> None:
    first = ask_in_new_chat(desk, "a")
    engine = desk.engines.last
    engine.ready()
    engine.say("half")
    desk.controller.conversations.new_chat()
    desk.controller.messages.stop()
    second = ask_in_new_chat(desk, "b")
    desk.controller.messages.stop()
    assert not any(isinstance(command, tuple) for command in engine.commands)
    engine.say(" and half")
    engine.finish()
    assert answers(desk, first)[-1] == ("half and half", "complete")
    assert answers(desk, second) == [("b", "stopped")]


def test_a_failure_in_one_chat_does_not_hold_up_the_next(desk: Desk) -> None:
    first, second = ask_in_new_chat(desk, "a"), ask_in_new_chat(desk, "b")
    engine = desk.engines.last
    engine.ready()
    engine.fail("prompt_too_long", prompt_tokens=9000, n_ctx=4096, n_ctx_train=8192, fits_after_drop=True)
    assert engine.request.messages[-1].content == "b"
    engine.finish()
    desk.controller.conversations.open(first)
    assert desk.notices[-1].kind == "prompt_too_long"
    desk.controller.act("answer", "drop_oldest")
    assert engine.request.messages[-1].content == "a"
    assert desk.store.conversation(first).overflow == "drop_oldest"
    assert desk.store.conversation(second).overflow == "refuse"


def test_what_is_said_about_a_question_is_said_in_its_chat_alone(desk: Desk) -> None:
    shown: dict[str, str] = {}
    desk.controller.notice.connect(lambda notice: shown.update({notice.key: notice.kind}))
    desk.controller.notice_cleared.connect(lambda key: shown.pop(key, None))
    first, second = ask_in_new_chat(desk, "a"), ask_in_new_chat(desk, "b")
    engine = desk.engines.last
    engine.ready()
    engine.fail("prompt_too_long", n_ctx=4096, n_ctx_train=8192)
    engine.say("B")
    engine.finish("context_full")
    assert shown == {"answer": "context_full"}
    for leave in (
        desk.controller.conversations.new_chat,
        lambda: desk.controller.conversations.open(ask_in_new_chat(desk, "c")),
    ):
        leave()
        assert shown == {}
        desk.controller.conversations.open(first)
        assert shown == {"answer": "prompt_too_long"}
        desk.controller.conversations.open(second)
        assert shown == {"answer": "context_full"}
    desk.controller.dismiss("answer")
    desk.controller.conversations.open(second)
    assert shown == {}


def test_what_was_true_of_the_model_before_is_not_said_of_the_next(desk: Desk) -> None:
    chat = ask_in_new_chat(desk, "a")
    desk.engines.last.ready()
    desk.engines.last.fail("prompt_too_long", n_ctx=4096, n_ctx_train=8192)
    desk.controller.models.apply_settings()
    before = len(desk.notices)
    desk.controller.conversations.open(chat)
    assert desk.notices[before:] == []


def test_the_question_of_a_deleted_chat_is_not_asked(desk: Desk) -> None:
    first, second = ask_in_new_chat(desk, "a"), ask_in_new_chat(desk, "b")
    desk.controller.conversations.delete(first)
    desk.engines.last.ready()
    assert [r.messages[-1].content for r in desk.engines.last.requests] == ["b"]
    desk.controller.conversations.delete(second)
    assert states(desk, ask_in_new_chat(desk, "c")) == (True, "")


def test_a_question_waits_through_the_death_of_the_worker(desk: Desk) -> None:
    first, second = ask_in_new_chat(desk, "a"), ask_in_new_chat(desk, "b")
    desk.engines.last.ready()
    desk.engines.last.die()
    assert answers(desk, first) == [("a", "interrupted")]
    assert states(desk, second) == (False, "loading")
    desk.engines.last.ready()
    assert desk.engines.last.request.messages[-1].content == "b"


def test_without_a_model_the_words_do_not_speak_of_loading(idle_desk: Desk) -> None:
    desk = idle_desk
    chat = ask_in_new_chat(desk, "a")
    assert states(desk, chat) == (False, "model")
    assert desk.notices[-1].kind == "no_model"
    desk.controller.projects.choose_model("starter")
    assert states(desk, chat) == (False, "loading")
    desk.engines.last.ready()
    assert states(desk, chat) == (True, "")


def test_the_speed_is_that_of_the_chat_that_is_shown(desk: Desk) -> None:
    speeds: list[float | None] = []
    desk.controller.speed.connect(speeds.append)
    first = ask_in_new_chat(desk, "a")
    engine = desk.engines.last
    engine.ready()
    engine.say("A")
    desk.controller.conversations.new_chat()
    engine.finish()
    assert speeds[-1] is None
    desk.controller.conversations.open(first)
    assert speeds[-1] == 40.0


def test_the_context_is_that_of_the_chat_that_is_shown(desk: Desk) -> None:
    emitted: list[ContextUsage] = []
    first, second = ask_in_new_chat(desk, "a"), ask_in_new_chat(desk, "b")
    engine = desk.engines.last
    engine.ready()
    engine.finish()
    engine.say("B")
    desk.controller.context_usage.connect(emitted.append)
    desk.controller.conversations.open(first)
    assert emitted == [ContextUsage()]  # not known: the model answers the other one
    engine.finish()
    assert emitted[1:] == [ContextUsage(1, 4096)]
    desk.controller.conversations.open(second)
    assert emitted[2:] == [ContextUsage(2, 4096)]


def test_a_chat_that_ended_without_an_answer_goes_on_with_the_next_question(desk: Desk) -> None:
    ask_in_new_chat(desk, "first")
    desk.controller.messages.stop()
    desk.engines.last.ready()
    desk.controller.messages.send("second")
    assert [(m.role, m.content) for m in desk.engines.last.request.messages] == [("user", "first"), ("user", "second")]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, engines: FakeEngines) -> Iterator[Desk]:
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        desk.controller.start()
        yield desk
        desk.controller.close()


def test_a_worker_that_is_back_at_once_goes_on_with_the_line(desk: Desk) -> None:
    ask_in_new_chat(desk, "a")
    desk.engines.last.ready()
    ask_in_new_chat(desk, "b")
    desk.engines.options["ready_at_once"] = True
    desk.engines.last.die()
    assert desk.controller.model.status == "ready"
    QCoreApplication.processEvents()
    assert desk.engines.last.request.messages[-1].content == "b"
