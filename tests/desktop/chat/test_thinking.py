"""Thinking is stored with its answer, is not sent again, and is requested as the person has set."""

from __future__ import annotations

import dataclasses

from belle.engine.process.events import Done, Ready, Stats, Text, Thinking
from tests.support.desk import Desk
from tests.support.fake_engine import FakeEngine, model_info


def think(engine: FakeEngine, text: str) -> None:
    engine.on_event(Thinking(engine.request.id, text))


def test_it_is_stored_apart_and_not_sent_in_later_turns(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    think(engine, "Let me ")
    think(engine, "see.")
    assert desk.shape[-1] == ("assistant", "", "streaming")
    engine.say("Hello")
    engine.finish()
    answer = desk.path[-1]
    assert (answer.text, answer.thinking) == ("Hello", "Let me see.")
    assert answer.thinking_seconds is not None and answer.thinking_seconds >= 0
    desk.controller.messages.send("And?")
    assert [m.content for m in engine.request.messages] == ["Hi", "Hello", "And?"]
    assert desk.controller.conversations.search("see") == []


def test_the_window_hears_of_it_in_order(desk: Desk) -> None:
    heard: list[str] = []
    for name in ("answer_thinking", "answer_text"):
        getattr(desk.controller, name).connect(lambda _, text: heard.append(text))
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    think(engine, "hm")
    engine.say("yes")
    assert heard == ["hm", "yes"]
    # Before the first word of the answer the window is emitted how long the thought took.
    names = desk.names()
    updated = [a[0] for n, a in desk.emitted if n == "message_updated"]
    assert names.index("message_updated") < names.index("answer_text")
    assert updated[0].thinking == "hm" and updated[0].text == "" and updated[0].thinking_seconds is not None


def test_a_thought_that_was_stopped_is_kept_and_thought_anew(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    think(engine, "half a thought")
    desk.controller.messages.stop()
    engine.finish("stopped")
    assert (desk.path[-1].status, desk.path[-1].thinking) == ("stopped", "half a thought")
    desk.controller.messages.continue_answer(desk.path[-1].id)
    think(engine, "a whole one")
    engine.on_event(Text(engine.request.id, "Hello"))
    engine.finish()
    assert (desk.path[-1].text, desk.path[-1].thinking) == ("Hello", "a whole one")


def test_a_thought_alone_can_be_ended(desk: Desk) -> None:
    desk.controller.messages.answer_now()  # nothing is thought: nothing happens
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    think(engine, "on and on")
    desk.controller.messages.answer_now()
    assert engine.commands[-1] == ("answer_now", engine.request.id)
    engine.say("Hello")
    engine.finish()
    assert (desk.path[-1].status, desk.path[-1].text, desk.path[-1].thinking) == ("complete", "Hello", "on and on")


def test_a_thought_that_only_the_end_tells_is_taken_out_of_the_answer(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("Let me see.\n</think>\nHello")
    engine.on_event(Done(engine.request.id, "end", "Hello", Stats(), "Let me see."))
    assert (desk.path[-1].text, desk.path[-1].thinking) == ("Hello", "Let me see.")
    assert desk.path[-1].thinking_seconds is None


def test_the_switch_is_remembered_for_the_model(desk: Desk) -> None:
    assert desk.controller.models.thinks is None
    desk.controller.models.set_thinking(False)
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    assert engine.request.thinking is False
    engine.finish()
    engine.on_event(Ready(dataclasses.replace(model_info(engine.loads[-1]), can_switch_thinking=True)))
    assert desk.controller.models.thinks is False
    desk.controller.models.set_thinking(True)
    assert desk.controller.models.thinks is True
    desk.controller.messages.send("Hi")
    assert engine.request.thinking is True
