"""The controller of the KL penalty, and the running statistics of scores."""

from __future__ import annotations

import statistics

import pytest

from belle.training.ppo.kl_control import next_kl_coefficient
from belle.training.ppo.reward_sources import ScoreStatistics


def next_coefficient(kl: float, *, coefficient: float = 0.2, target: float | None = 6.0) -> float:
    return next_kl_coefficient(coefficient, kl, target=target, answers=32, horizon=10000)


def test_the_coefficient_follows_the_kl() -> None:
    assert next_coefficient(6.0) == pytest.approx(0.2)
    # e = 6.6 / 6 − 1 = 0.1
    assert next_coefficient(6.6) == pytest.approx(0.2 * (1 + 0.1 * 32 / 10000))
    # However far off, at most a fifth.
    assert next_coefficient(600) == pytest.approx(0.2 * (1 + 0.2 * 32 / 10000))
    assert next_coefficient(0) == pytest.approx(0.2 * (1 - 0.2 * 32 / 10000))
    assert next_coefficient(600, target=None) == 0.2


def test_the_controller_settles_at_its_target() -> None:
    # A policy whose KL falls as the coefficient rises.
    coefficient, kl = 0.2, 0.0
    for _ in range(20000):
        kl = 1 / coefficient
        coefficient = next_coefficient(kl, coefficient=coefficient)
    assert kl == pytest.approx(6, rel=1e-3)


def test_statistics_of_all_scores_so_far() -> None:
    counters: dict[str, float] = {}
    batches = [[1.0, 2.0, 5.0], [1e6 + 1], [-3.0, 0.5]]
    for batch in batches:
        # As in a resumed run, which has only the counters.
        ScoreStatistics(counters).add(batch)
    every = [score for batch in batches for score in batch]
    scores = ScoreStatistics(counters)
    assert scores.mean == pytest.approx(statistics.fmean(every))
    assert scores.deviation == pytest.approx(statistics.pstdev(every))


def test_equal_scores_have_deviation_one() -> None:
    scores = ScoreStatistics({})
    scores.add([2.0, 2.0])
    assert (scores.mean, scores.deviation) == (2.0, 1.0)
