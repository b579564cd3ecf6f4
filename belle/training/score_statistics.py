"""Scores on a common scale: the running mean and deviation of all scores so far."""

from __future__ import annotations

import math
from collections.abc import MutableMapping, Sequence

_COUNT, _MEAN, _SQUARES = "scores", "score_mean", "score_squares"


class ScoreStatistics:
    """Mean and deviation, updated a batch at a time (Chan, Golub and LeVeque 1983).

    Args:
        counters: where the three numbers are kept, so that a checkpoint has them.
    """

    def __init__(self, counters: MutableMapping[str, float]) -> None:
        self._counters = counters

    def add(self, scores: Sequence[float]) -> None:
        """Count these scores in."""
        count, mean = self._counters.get(_COUNT, 0.0), self._counters.get(_MEAN, 0.0)
        own_mean = math.fsum(scores) / len(scores)
        own_squares = math.fsum((score - own_mean) ** 2 for score in scores)
        total = count + len(scores)
        shift = own_mean - mean
        self._counters[_SQUARES] = (
            self._counters.get(_SQUARES, 0.0) + own_squares + shift**2 * count * len(scores) / total
        )
        self._counters[_MEAN] = mean + shift * len(scores) / total
        self._counters[_COUNT] = total

    @property
    def mean(self) -> float:
        """Of all scores so far."""
        return self._counters[_MEAN]

    @property
    def deviation(self) -> float:
        """Their standard deviation; 1 while they are all the same."""
        deviation = math.sqrt(self._counters[_SQUARES] / self._counters[_COUNT])
        return deviation if deviation > 0 else 1.0
