"""The real starter model: it is too small to follow instructions, and yet never leaves the syntax."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.dialogue.blocking import TurnDriver
from belle.dialogue.conversation import Dialogue, PastTurn, Resources
from belle.dialogue.events import DialogueEvent
from belle.dialogue.syntax import REACT, fast_grammar, read_fast, read_step, step_grammar
from belle.dialogue.tools.calculator import CALCULATOR
from belle.dialogue.turn import DialogueTurn
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done, Event
from belle.prompts import Message

BASE = Generate(0, (), Sampling(temperature=0.0), max_tokens=24)


@pytest.fixture(scope="module")
def engine(starter: Path) -> Iterator[BlockingEngine]:
    with open_engine(Load(str(starter), n_ctx=2048, prompt_cache=128 << 20)) as engine:
        yield engine


def run(engine: BlockingEngine, turn: DialogueTurn) -> list[DialogueEvent | Event]:
    return list(TurnDriver({"fast": engine}).run(turn, BASE))


@pytest.mark.parametrize("strategy", ["react", "duma", "raise"])
def test_every_turn_ends_and_the_prompt_is_read_once(engine: BlockingEngine, strategy: str) -> None:
    resources = Resources((CALCULATOR,), most_steps=2)
    turn = DialogueTurn(strategy, Dialogue("How much is 12*12?"), resources)
    run(engine, turn)
    assert turn.text
    assert turn.request is None
    later = DialogueTurn(
        strategy, Dialogue("And 2*2?", (PastTurn("How much is 12*12?", turn.text, turn.record),)), resources
    )
    run(engine, later)
    usage = later.record.usage
    assert usage.reused_tokens > usage.prompt_tokens / 2
    assert usage.first_words_s is not None
    assert usage.first_words_s <= usage.seconds


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_drawn_follows_the_grammar(engine: BlockingEngine, seed: int) -> None:
    wild = Sampling(temperature=3.0, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
    messages = (Message("user", "Say something with [brackets], please."),)
    for number, grammar in enumerate(
        [fast_grammar(may_invoke=True), step_grammar(REACT, ["calculator"], with_facts=True)]
    ):
        request = Generate(100 + 10 * seed + number, messages, wild, max_tokens=40, grammar=grammar)
        text = next(event.text for event in engine.generate(request) if isinstance(event, Done))
        if number == 0:
            assert text.startswith("Response[")
            assert read_fast(text).response
        else:
            assert text.startswith("Thought: ")
            assert read_step(text, REACT).thought


def test_brackets_that_are_never_closed_do_not_slow_the_grammar_down(engine: BlockingEngine) -> None:
    forced = step_grammar(REACT, [])
    many = "[" * 300
    request = Generate(
        900,
        (Message("user", f"Repeat: {many}"), Message("assistant", "")),
        BASE.sampling,
        max_tokens=60,
        grammar=forced,
    )
    done = next(event for event in engine.generate(request) if isinstance(event, Done))
    assert done.reason in ("end", "length")
