"""Whoever listens to an answer may leave when they like."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load
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


def test_leaving_several_answers_waits_for_none_that_has_ended(starter: Path) -> None:
    """One that ends by itself while another one is told to stop, or before that."""
    with open_engine(Load(str(starter), n_ctx=2048, n_gpu_layers=0, threads=1, parallel=3)) as engine:
        lengths = {9011: 2, 9012: 500, 9013: 2}
        ends = engine.generate_all(Generate(id_, QUESTION, max_tokens=most) for id_, most in lengths.items())
        assert next(ends)[0].id in (9011, 9013)
        time.sleep(1.0)  # the other short one has ended, and has not been asked for
        leaving = threading.Thread(target=ends.close, daemon=True)
        leaving.start()
        leaving.join(30.0)
        assert not leaving.is_alive()
        after = [event for event in engine.generate(Generate(9014, QUESTION, max_tokens=2)) if isinstance(event, Done)]
        assert after[0].stats.completion_tokens == 2
