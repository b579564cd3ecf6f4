"""How many guesses are worth their time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.speculation.draft_length import Acceptance, BatchCosts, best_length

SIZES = frozenset(range(2, 8))


def costs(seconds: Callable[[int], float]) -> BatchCosts:
    """Of a model whose batches of each size have been timed."""
    timed = BatchCosts()
    for size in range(1, 8):
        timed.observe(size, seconds(size))
    return timed


def test_a_model_that_waits_for_memory_takes_all_guesses() -> None:
    assert best_length([0.9**n for n in range(1, 7)], costs(lambda size: 0.2 + 0.01 * size), SIZES) == 6


def test_a_model_that_computes_takes_none() -> None:
    assert best_length([1.0] * 6, costs(lambda size: 0.1 * size), SIZES) == 0


def test_unlikely_guesses_are_not_evaluated() -> None:
    assert best_length([0.1**n for n in range(1, 7)], costs(lambda size: 0.2 + 0.05 * size), SIZES) == 0


def test_only_possible_sizes_are_chosen() -> None:
    timed = costs(lambda size: 0.2 + 0.01 * size)
    assert best_length([0.9] * 6, timed, {3, 5}) == 4
    assert best_length([0.9] * 6, timed, frozenset()) == 0


def test_guesses_that_cost_as_much_as_tokens_do_not_pay() -> None:
    assert best_length([1.0] * 6, costs(lambda size: 0.2 + 0.01 * size), SIZES, guess_cost=1.0) == 0


def test_nothing_is_guessed_before_a_token_was_timed() -> None:
    assert best_length([1.0] * 6, BatchCosts(), SIZES) == 0


def test_a_size_that_was_never_timed_is_tried() -> None:
    timed = BatchCosts()
    timed.observe(1, 0.1)
    assert best_length([0.95] * 6, timed, SIZES) == 6


@given(
    st.lists(st.floats(0, 1), min_size=6, max_size=6), st.lists(st.floats(1, 9), min_size=6, max_size=6)
)  # fmt: skip
def test_a_guess_is_expected_to_be_faster_than_none(probabilities: list[float], ratios: list[float]) -> None:
    chain = [min(probabilities[: i + 1]) for i in range(6)]
    timed = costs(lambda size: 1.0 if size == 1 else ratios[size - 2])
    length = best_length(chain, timed, SIZES)
    if length:
        assert 1 + sum(chain[:length]) > ratios[length - 1]


def test_what_is_never_right_is_expected_less_and_less() -> None:
    acceptance = Acceptance([0.0, 0.5, 0.9])
    before = acceptance.probability(2)
    for _ in range(20):
        acceptance.judge(2, is_right=False)
    assert acceptance.probability(2) < 0.2 < before
    assert acceptance.probability(1) == pytest.approx(0.5)


def test_a_chain_is_as_likely_as_all_its_guesses() -> None:
    assert Acceptance([0.0, 0.5, 0.9]).chain(1, 3) == pytest.approx([0.5, 0.5 * 0.9, 0.5 * 0.9 * 0.9])
