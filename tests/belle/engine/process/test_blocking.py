"""Whoever listens to an answer may leave when they like."""

from __future__ import annotations

from belle.engine.process.blocking import BlockingEngine
from belle.engine.process.commands import Generate
from belle.engine.process.events import Done, Text
from belle.prompts import Message

QUESTION = (Message("user", "Name three colours."),)


def test_leaving_at_done_waits_for_nothing(engine: BlockingEngine) -> None:
    events = engine.generate(Generate(9001, QUESTION, max_tokens=2))
    assert next(event for event in events if isinstance(event, Done)).reason == "length"
    events.close()


def test_leaving_early_stops_the_answer(engine: BlockingEngine) -> None:
    events = engine.generate(Generate(9002, QUESTION, max_tokens=500))
    assert next(event for event in events if isinstance(event, Text))
    events.close()
    after = [event for event in engine.generate(Generate(9003, QUESTION, max_tokens=2)) if isinstance(event, Done)]
    assert after[0].stats.completion_tokens == 2
