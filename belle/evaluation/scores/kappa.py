"""Cohen's κ: how far two judges agree beyond chance, with a 95 % interval.

κ = (pₒ − pₑ) / (1 − pₑ), where pₒ is the share of decisions that agree and pₑ the share that would agree if both drew
from their own frequencies at random (Cohen 1960). Weighted κ (Cohen 1968) counts a near miss for more than a far one:
classes i and j of k agree to 1 − (i − j)² / (k − 1)². The variance is that of Fleiss, Cohen and Everitt (1969, eq. 13).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.intervals import ScoreMean, share_interval, student_quantile

Values = NDArray[np.float64]

SCORE_CLASSES = 5
"""A score is put into the nearest of the classes 0, ¼, ½, ¾ and 1; one in the middle goes up."""


def score_class(score: float) -> int:
    """The class of a score, 0 to 4."""
    return math.floor(score * (SCORE_CLASSES - 1) + 0.5)


def cohens_kappa(first: Sequence[int], second: Sequence[int], n_classes: int, *, weighted: bool = False) -> ScoreMean:
    """κ of two judges who decided on the same things. NaN, from −1 to 1, where both always say the same one thing.

    Args:
        first, second: the classes, 0 to `n_classes` − 1, that they decided on.
        weighted: with quadratic weights, for classes that have an order.
    """
    n = len(first)
    shares = np.zeros((n_classes, n_classes))  # [of the first, of the second]
    np.add.at(shares, (np.asarray(first, np.intp), np.asarray(second, np.intp)), 1.0)
    shares /= max(n, 1)
    weights = _weights(n_classes, weighted=weighted)
    rows, columns = shares.sum(1), shares.sum(0)
    observed = float((weights * shares).sum())
    expected = float(rows @ weights @ columns)
    if n == 0 or expected > 1 - 1e-12:
        return ScoreMean(math.nan, -1.0, 1.0, n)
    value = (observed - expected) / (1 - expected)
    by_row, by_column = weights @ columns, weights.T @ rows  # [classes] each
    terms = weights * (1 - expected) - (by_row[:, None] + by_column[None, :]) * (1 - observed)
    spread = (shares * terms**2).sum() - (observed * expected - 2 * expected + observed) ** 2
    if n < 2 or spread < 1e-12:
        # All decisions alike have no spread: the interval is that of the share which agrees, carried over.
        low, high = ((share - expected) / (1 - expected) for share in share_interval(observed, n))
        return ScoreMean(value, max(-1.0, low), min(1.0, high), n)
    error = math.sqrt(float(spread) / n) / (1 - expected) ** 2
    # On Fisher's scale, where an estimate near 1 is not skewed: d atanh(κ) = dκ / (1 − κ²).
    half = student_quantile(n - 1) * error / (1 - value**2)
    return ScoreMean(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half), n)


def _weights(n_classes: int, *, weighted: bool) -> Values:
    """How far two classes agree, [n_classes, n_classes]."""
    if not weighted:
        return np.eye(n_classes)
    places = np.linspace(0.0, 1.0, n_classes)
    return 1 - (places[:, None] - places[None, :]) ** 2
