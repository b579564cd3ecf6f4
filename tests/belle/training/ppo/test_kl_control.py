"""The controller of the KL penalty, and the running statistics of scores."""

from __future__ import annotations

import statistics

import pytest

from belle.training.ppo.kl_control import next_kl_coefficient
from belle.training.ppo.reward_sources import ScoreStatistics


def steered(distance: float, *, coefficient: float = 0.2, target: float | None = 6.0) -> float:
    return next_kl_coefficient(coefficient, distance, target=target, answers=32, horizon=10000)


def test_the_coefficient_follows_the_distance() -> None:
    assert steered(6.0) == pytest.approx(0.2)
    # e = 6.6 / 6 − 1 = 0.1
    assert steered(6.6) == pytest.approx(0.2 * (1 + 0.1 * 32 / 10000))
    # However far off, a fifth of the way.
    assert steered(600) == pytest.approx(0.2 * (1 + 0.2 * 32 / 10000))
    assert steered(0) == pytest.approx(0.2 * (1 - 0.2 * 32 / 10000))
    assert steered(600, target=None) == 0.2


def test_the_controller_settles_at_its_target() -> None:
    # A policy whose distance falls as the coefficient rises.
    coefficient, distance = 0.2, 0.0
    for _ in range(20000):
        distance = 1 / coefficient
        coefficient = steered(distance, coefficient=coefficient)
    assert distance == pytest.approx(6, rel=1e-3)


def test_statistics_of_all_scores_so_far() -> None:
    counters: dict[str, float] = {}
    batches = [[1.0, 2.0, 5.0], [1e6 + 1], [-3.0, 0.5]]
    for batch in batches:
        # As a resumed run does: nothing but the counters is kept.
        ScoreStatistics(counters).add(batch)
    every = [score for batch in batches for score in batch]
    found = ScoreStatistics(counters)
    assert found.mean == pytest.approx(statistics.fmean(every))
    assert found.deviation == pytest.approx(statistics.pstdev(every))


def test_equal_scores_have_deviation_one() -> None:
    found = ScoreStatistics({})
    found.add([2.0, 2.0])
    assert (found.mean, found.deviation) == (2.0, 1.0)
