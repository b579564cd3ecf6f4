"""The length-controlled win rate: closed forms, the score equation, and simulations whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.evaluation.scores.length_control import firth_logistic, length_controlled


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def logit(share: float) -> float:
    return math.log(share / (1 - share))


@pytest.mark.parametrize(("wins", "n"), [(0, 20), (7, 20), (20, 20), (500, 1000)])
def test_without_lengths_it_is_half_a_win_more_in_one_comparison_more(wins: int, n: int) -> None:
    found = length_controlled([1.0] * wins + [0.0] * (n - wins), [0.0] * n)
    assert found.value == pytest.approx((wins + 0.5) / (n + 1))
    assert found.low < wins / n < found.high or wins in (0, n)
    assert (found.low <= wins / n + 0.05) and (found.high >= wins / n - 0.05)


@pytest.mark.parametrize(("longer", "shorter"), [((30, 40), (10, 40)), ((25, 25), (0, 35)), ((12, 20), (12, 20))])
def test_with_two_lengths_it_is_the_middle_of_both_groups_on_the_scale_of_logits(
    longer: tuple[int, int], shorter: tuple[int, int]
) -> None:
    # A column of two values that are as far from zero makes the model saturated: Jeffreys' prior adds ½ to each count.
    wins, signs = [], []
    for sign, (won, n) in ((1.0, longer), (-1.0, shorter)):
        wins += [1.0] * won + [0.0] * (n - won)
        signs += [sign] * n
    weights = firth_logistic(np.column_stack([np.ones(len(signs)), 0.7 * np.array(signs)]), np.array(wins))
    logits = [logit((won + 0.5) / (n + 1)) for won, n in (longer, shorter)]
    assert weights[0] == pytest.approx(sum(logits) / 2)
    assert weights[1] == pytest.approx((logits[0] - logits[1]) / 2 / 0.7)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(-5000, 5000)), min_size=0, max_size=60))
def test_any_comparisons_have_a_rate_within_its_interval(rows: list[tuple[float, int]]) -> None:
    found = length_controlled([win for win, _ in rows], [float(length) for _, length in rows])
    if not rows:
        assert math.isnan(found.value)
    if not math.isnan(found.value):
        assert 0 <= found.low <= found.value <= found.high <= 1
        mirrored = length_controlled([1 - win for win, _ in rows], [-float(length) for _, length in rows])
        assert mirrored.value == pytest.approx(1 - found.value, abs=1e-6)


@pytest.mark.parametrize("lengths", [[100.0] * 20, [5000.0 + n for n in range(20)], [7.0]])
def test_where_one_is_always_longer_by_as_much_nothing_is_known_of_equal_length(lengths: list[float]) -> None:
    found = length_controlled([1.0] * len(lengths), lengths)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)


def test_firths_score_is_zero_at_the_estimate() -> None:
    chance = np.random.default_rng(3)
    design = np.column_stack([np.ones(80), chance.normal(size=80)])
    wins = (chance.random(80) < 0.9).astype(float)
    weights = firth_logistic(design, wins)
    rates = 1 / (1 + np.exp(-design @ weights))
    spread = rates * (1 - rates)
    hat = np.diag(design @ np.linalg.inv(design.T @ np.diag(spread) @ design) @ design.T) * spread
    assert design.T @ (wins - rates + hat * (0.5 - rates)) == pytest.approx([0, 0], abs=1e-9)


def test_a_judge_that_likes_length_is_corrected_for() -> None:
    chance = np.random.default_rng(1)
    lengths = chance.normal(400, 300, 4000)  # the first says far more
    column = np.tanh(lengths / lengths.std(ddof=1))
    wins = (chance.random(4000) < 1 / (1 + np.exp(-(-0.5 + 1.5 * column)))).astype(float)
    found = length_controlled(list(wins), list(lengths))
    assert wins.mean() > 0.55  # it seems to be the better one
    assert found.value == pytest.approx(sigmoid(-0.5), abs=0.04)
    assert found.low < sigmoid(-0.5) < found.high


@pytest.mark.parametrize(
    ("n", "theta", "phi", "ties", "shift"),
    [(100, 0.0, 1.0, 0.0, 0.5), (100, 1.0, 1.5, 0.0, 0.0), (100, 0.3, 0.5, 0.3, 0.5), (200, -2.0, 0.5, 0.1, 0.0)],
)
def test_the_interval_covers_the_truth(n: int, theta: float, phi: float, ties: float, shift: float) -> None:
    chance = np.random.default_rng(7)
    rounds, covered = 1500, 0
    for _ in range(rounds):
        lengths = chance.normal(shift, 1, n) * 100
        rates = 1 / (1 + np.exp(-(theta + phi * np.tanh(lengths / lengths.std(ddof=1)))))
        decided = np.clip((rates - ties / 2) / (1 - ties), 0, 1)  # so that a tie, half a win, leaves the mean as it is
        wins = np.where(chance.random(n) < ties, 0.5, chance.random(n) < decided)
        found = length_controlled(list(wins), list(lengths))
        covered += found.low <= sigmoid(theta) <= found.high
    assert 0.93 <= covered / rounds <= 0.97
