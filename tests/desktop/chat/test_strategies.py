"""Answers in steps: what the window's controller asks of the engine, shows and stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.engine.process.events import Done, Failed, Stats
from belle.models.catalog import resolve
from desktop.store import Store, StoredMessage
from tests.support.desk import Desk
from tests.support.fake_engine import FakeEngine


def reply(engine: FakeEngine, text: str) -> None:
    """The whole reply to the last request, in two pieces."""
    engine.say(text[: len(text) // 2])
    engine.say(text[len(text) // 2 :])
    engine.finish(text=text)


def shown(desk: Desk) -> StoredMessage:
    """The answer as the window has it, which is newer than what is stored."""
    assert desk.controller.conversation is not None
    return desk.controller.answers.path(desk.controller.conversation)[-1]


def test_steps_are_folded_like_thoughts_and_stored_with_the_answer(desk: Desk) -> None:
    desk.controller.strategies.choose("react")
    desk.controller.messages.send("How much is 6*7?")
    engine = desk.engines.last
    assert "Action: calculator[" not in engine.request.messages[-1].content
    assert "calculator[" in engine.request.grammar
    assert engine.request.pinned == (1,)
    reply(engine, "Thought: multiply\nAction: calculator[6*7]")
    assert engine.request.messages[-1].content == "Observation:\n| 42"
    reply(engine, "Thought: done\nAction: Finish[It is 42.]")
    answer = desk.path[-1]
    assert (answer.text, answer.status) == ("It is 42.", "complete")
    assert "calculator[6*7]\nObservation:\n| 42" in answer.thinking
    assert answer.stats["dialogue"]["strategy"] == "react"
    assert answer.stats["dialogue"]["usage"]["actions"] == 1
    assert answer.thinking_seconds is not None

    desk.controller.strategies.choose("plain")
    desk.controller.messages.send("And 2*2?")
    assert [m.content for m in engine.request.messages] == ["How much is 6*7?", "It is 42.", "And 2*2?"]
    assert engine.request.grammar == ""


def test_a_provisional_answer_is_taken_back_and_its_finding_is_remembered(desk: Desk) -> None:
    desk.controller.strategies.choose("duma")
    desk.controller.messages.send("How much is 6*7?")
    engine = desk.engines.last
    engine.say("Response[One moment.]")
    assert shown(desk).text == "One moment."
    engine.finish(text="Response[One moment.]\nInvoke[True]")
    assert (shown(desk).text, shown(desk).thinking) == ("", "One moment.\n\n")
    reply(engine, "Reason: easy\nAct: Finish[It is 42.]")
    reply(engine, "Response[6*7 is 42.]\nInvoke[False]")
    answer = desk.path[-1]
    assert answer.text == "6*7 is 42."
    assert answer.thinking.startswith("One moment.\n\nReason: easy")
    desk.controller.messages.send("Why?")
    contents = [message.content for message in engine.request.messages]
    assert "SlowMind[It is 42.]" in contents
    assert contents[-1] == "User[Why?]"


def test_another_model_thinks_slowly_in_a_process_of_its_own(desk: Desk) -> None:
    desk.controller.strategies.choose_slow(str(resolve("starter").path))
    desk.controller.messages.send("How much is 6*7?")
    fast = desk.engines.last
    fast.finish(text="Response[One moment.]\nInvoke[True]")
    slow = desk.engines.last
    assert slow is not fast
    assert slow.loads[-1].state_folder is None
    assert slow.request.messages[-1].content == "Query 1: How much is 6*7?"
    reply(slow, "Reason: easy\nAct: Finish[It is 42.]")
    reply(fast, "Response[6*7 is 42.]\nInvoke[False]")
    assert desk.path[-1].text == "6*7 is 42."
    assert desk.path[-1].stats["dialogue"]["usage"]["slow_calls"] == 1


def test_a_slow_mind_that_cannot_be_loaded_ends_the_answer_with_a_notice(desk: Desk, tmp_path: Path) -> None:
    desk.controller.strategies.choose_slow(str(tmp_path / "gone.gguf"))
    desk.controller.messages.send("How much is 6*7?")
    desk.engines.last.finish(text="Response[One moment.]\nInvoke[True]")
    assert desk.path[-1].status == "error"
    assert desk.path[-1].stats["dialogue"]["provisional"] == "One moment."
    assert not desk.controller.has_request()


@pytest.mark.parametrize("text", ["", "Thought: a\nAction: Finish[Half an"])
def test_each_step_can_be_stopped(desk: Desk, text: str) -> None:
    desk.controller.strategies.choose("raise")
    desk.controller.messages.send("How much is 6*7?")
    engine = desk.engines.last
    reply(engine, "Thought: multiply\nAction: calculator[6*7]")
    if text:
        engine.say(text)
    desk.controller.messages.stop()
    assert engine.commands[-1] == ("stop", engine.request.id)
    engine.finish("stopped", text)
    assert desk.path[-1].status == "stopped"
    assert desk.path[-1].text == ("Half an" if text else "")
    assert desk.path[-1].stats["dialogue"]["stop"] == "stopped"
    assert not desk.controller.busy


def test_an_engine_that_fails_in_a_step_is_told_of_once(desk: Desk) -> None:
    desk.controller.strategies.choose("react")
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    reply(engine, "Thought: a\nAction: calculator[1+1]")
    engine.on_event(Failed(engine.request.id, "prompt_too_long", "Too long.", "Shorten it.", {"n_ctx": 10}))
    assert desk.path[-1].status == "error"
    desk.controller.messages.regenerate(desk.path[-1].id)
    reply(engine, "Thought: b\nAction: Finish[Hello.]")
    assert desk.path[-1].text == "Hello."
    assert desk.path[-1].sibling_count == 2


def test_the_scratchpad_is_of_the_path_and_a_person_may_edit_it(desk: Desk) -> None:
    strategies = desk.controller.strategies
    strategies.choose("raise")
    strategies.edit_facts({"name": "Li"})
    assert strategies.facts() == {"name": "Li"}
    desk.controller.messages.send("How old am I?")
    engine = desk.engines.last
    assert "| name = Li" in engine.request.messages[-1].content
    reply(engine, "Thought: a\nScratchpad: age = 30\nAction: Finish[30.]")
    assert strategies.facts() == {"name": "Li", "age": "30"}
    strategies.edit_facts({"age": "31"})
    assert strategies.facts() == {"age": "31"}
    desk.controller.messages.send("And next year?")
    reply(engine, "Thought: a\nAction: Finish[32.]")
    assert strategies.facts() == {"age": "31"}
    # The first question asked again begins with what held before it.
    desk.controller.messages.edit(desk.path[0].id, "How old are you?")
    assert "age" not in engine.request.messages[-1].content


def test_each_conversation_has_its_own_strategy_and_a_new_one_begins_plainly(desk: Desk) -> None:
    desk.controller.strategies.choose("react")
    desk.controller.messages.send("Hi")
    reply(desk.engines.last, "Thought: a\nAction: Finish[Hello.]")
    number = desk.controller.conversation.id  # type: ignore[union-attr]
    desk.controller.conversations.new_chat()
    assert desk.controller.strategies.current.name == "plain"
    desk.controller.conversations.open(number)
    assert desk.controller.strategies.current.name == "react"


def test_other_conversations_are_recalled_and_searched_and_this_one_is_not(desk: Desk) -> None:
    desk.controller.messages.send("When is the notice period over?")
    desk.engines.last.say("On the 3rd of March.")
    desk.engines.last.finish(text="On the 3rd of March.")
    desk.controller.conversations.new_chat()
    desk.controller.strategies.choose("raise")
    desk.controller.messages.send("How long is the notice period?")
    engine = desk.engines.last
    assert "| → On the 3rd of March." in engine.request.messages[-1].content
    reply(engine, "Thought: look\nAction: chats[notice period]")
    found = engine.request.messages[-1].content
    assert "On the 3rd of March." in found
    assert "How long" not in found


def test_a_strategy_of_a_later_version_is_a_plain_answer(desk: Desk, tmp_path: Path) -> None:
    desk.controller.strategies.choose("oracle")
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    assert engine.request.grammar == ""
    engine.on_event(Done(engine.request.id, "end", "Hello.", Stats()))
    with Store.open_for_reading(tmp_path / "chat.sqlite3") as store:
        assert store.conversation(desk.path[0].conversation_id).strategy.name == "oracle"
