"""Error rates with their 95 % intervals, by drawing clips anew.

Errors of one clip depend on each other (one noise, one speaker, one loop of repetitions), so whole clips are drawn,
with replacement, and the rate is that of what was drawn: Σ errors / Σ lengths (Bisani and Ney 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.speech.alignment import Edits

_DRAWS = 10_000
_AT_ONCE = 250
_TAILS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate, or a difference of two, and its 95 % interval. NaN where nothing was said."""

    value: float
    low: float
    high: float


def error_rate(clips: Sequence[Edits], *, seed: int = 1) -> Rate:
    """The error rate over all clips. It is above 1 where more was added than said."""
    errors, lengths = _columns(clips)
    return _rate(errors, lengths, seed)


def rate_difference(first: Sequence[Edits], second: Sequence[Edits], *, seed: int = 1) -> Rate:
    """How much higher the rate of the second is on the same clips, of which both get the same draws."""
    errors, lengths = _columns(first)
    return _rate(_columns(second)[0] - errors, lengths, seed)


def mean_of_tokens(sums: Sequence[float], tokens: Sequence[int], *, seed: int = 1) -> Rate:
    """The mean of a measure of tokens over all clips, from its sum and the number of tokens in each clip."""
    return _rate(np.array(sums, np.float64), np.array(tokens, np.float64), seed)


def _columns(clips: Sequence[Edits]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([float(c.errors) for c in clips]), np.array([float(c.length) for c in clips])


def _rate(errors: NDArray[np.float64], lengths: NDArray[np.float64], seed: int) -> Rate:
    if lengths.sum() == 0:
        return Rate(math.nan, math.nan, math.nan)
    chance = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(_DRAWS // _AT_ONCE):
        chosen = chance.integers(0, len(errors), (_AT_ONCE, len(errors)))
        said = lengths[chosen].sum(axis=1)
        drawn += (errors[chosen].sum(axis=1)[said > 0] / said[said > 0]).tolist()
    low, high = np.percentile(drawn, _TAILS)
    return Rate(float(errors.sum() / lengths.sum()), float(low), float(high))
