"""What guesses have really lost ends them, whatever was expected of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.speculation.draft_length import SpeculationGain
from belle.engine.answer.speculation.speculator import Speculator

SINGLE_S = 0.1


class Sequence(SimpleNamespace):
    """Stands for the cells of an answer: the tokens that are in the KV cache."""

    def cut(self, length: int) -> None:
        del self.tokens[length:]


def answer_seconds(speculator: Speculator, text: list[int], ratio: float) -> float:
    """How long an answer takes, if a batch with guesses takes `ratio` times as long as a single token."""
    sequence: Any = Sequence(tokens=[1, 2, 3, 1, 2])
    speculator.begin()
    seconds = 0.0
    for token in text:
        if speculator.confirms(token, sequence):
            continue
        guesses = speculator.guess(6)
        took = SINGLE_S * (ratio if guesses else 1)
        speculator.evaluated(guesses, took)
        sequence.tokens += [token, *guesses]
        seconds += took
    speculator.drop_guesses(sequence)
    return seconds


@pytest.mark.parametrize("ratio", [1.5, 3.0, 8.0])
def test_a_policy_that_guesses_wrongly_all_the_time_is_ended(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "belle.engine.answer.speculation.speculator.best_length", lambda chain, *_: max(len(chain) - 1, 0)
    )
    # After 1, 2 there comes another number each time: the text seems to repeat itself, and never does.
    text = [token for number in range(300) for token in (1, 2, 100 + number)]
    speculator = Speculator(lambda: frozenset(range(2, 8)))
    speculator.evaluated((), SINGLE_S)
    for _ in range(3):
        seconds = answer_seconds(speculator, text, ratio)
        assert speculator.drafted > 0
        assert seconds <= SINGLE_S * (len(text) * 1.03 + ratio)


def test_guesses_that_come_true_are_never_ended() -> None:
    speculator = Speculator(lambda: frozenset(range(2, 8)))
    speculator.evaluated((), SINGLE_S)
    text = [1, 2, 3, 4, 5, 6, 7, 8] * 60
    assert answer_seconds(speculator, text, 1.4) < SINGLE_S * len(text) / 2


@given(st.lists(st.tuples(st.floats(1, 8), st.integers(0, 6)), max_size=200))
def test_no_answer_loses_more_than_a_share_and_one_batch(batches: list[tuple[float, int]]) -> None:
    """Each batch takes so many times as long as a token, and so many of its guesses are right."""
    gain, seconds, tokens = SpeculationGain(), 0.0, 0
    for with_guesses in batches:
        ratio, right = (1.0, 0) if gain.is_loss else with_guesses
        gain.observe(ratio, 1.0)
        for _ in range(right):
            gain.observe(0.0, 1.0)
        seconds, tokens = seconds + ratio, tokens + 1 + right
        assert seconds <= tokens + max(3, 0.02 * tokens) + 7
