"""Means of scores with their 95 % intervals, and comparisons of models on the same items.

A score is a number from 0 to 1, so the distribution of a high mean is skewed, and Student's interval would cover the
truth too rarely. The interval here is Wilson's for a share, with the mean m as the share, of as many coins as would
vary like these scores: n m (1 − m) / s². Scores that are all the same, or few, count as n coins: no variable from 0 to
1 varies more than a coin of the same mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

import numpy as np
from numpy.typing import NDArray

_FEW = 10
_Z = NormalDist().inv_cdf(0.975)
_DRAWS = 20_000
# Student's 97.5 % quantiles for 1 to 5 degrees of freedom, where the series below is too far off.
_STUDENT = (12.70620, 4.302653, 3.182446, 2.776445, 2.570582)


@dataclass(frozen=True, slots=True)
class ScoreMean:
    """A mean of `n` scores and its 95 % interval. Of no scores it is NaN, from 0 to 1."""

    value: float
    low: float
    high: float
    n: int

    @property
    def half(self) -> float:
        """Half of the width of the interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much better the second of two models is on the same `n` items.

    Attributes:
        value: the mean difference of the scores, second minus first.
        low, high: its 95 % interval.
        p: the chance of a difference at least as large between models that are as good as each other.
        adjusted_p: the same among all comparisons that are shown (Holm 1979).
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    adjusted_p: float = math.nan


def mean_of(scores: Sequence[float]) -> ScoreMean:
    """The mean of scores with its interval."""
    n = len(scores)
    if n == 0:
        return ScoreMean(math.nan, 0.0, 1.0, 0)
    value = fmean(scores)
    spread = variance(scores) if n >= _FEW else 0.0
    n_coins = max(n, n * value * (1 - value) / spread) if spread else n
    # The spread of coins is known from their mean; that of other scores is estimated, for which Student's wider.
    quantile = student_quantile(n - 1) if n_coins > n else _Z
    return ScoreMean(value, *share_interval(value, n_coins, quantile), n)


def share_of(hits: Sequence[bool]) -> ScoreMean:
    """The share of hits with Wilson's interval."""
    share = fmean(hits) if hits else math.nan
    return ScoreMean(share, *share_interval(share, len(hits)), len(hits))


def macro_mean(classes: Sequence[ScoreMean]) -> ScoreMean:
    """The mean of the means of classes, each of which counts alike; they are independent of each other.

    Its variance is Σ sₖ² / K², with the standard errors sₖ that the intervals of the classes stand for.
    """
    means = [mean for mean in classes if mean.n]
    if not means:
        return ScoreMean(math.nan, 0.0, 1.0, 0)
    value = fmean(mean.value for mean in means)
    half = math.sqrt(sum(mean.half**2 for mean in means)) / len(means)
    return ScoreMean(value, max(0.0, value - half), min(1.0, value + half), sum(mean.n for mean in means))


def share_interval(share: float, n: float, quantile: float = _Z) -> tuple[float, float]:
    """Wilson's 95 % interval (1927) of a `share` of `n`; from 0 to 1 where `n` is 0.

    Unlike mean ± error it stays within 0…1, also for few: with p the share,
    (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n).
    """
    if n == 0:
        return 0.0, 1.0
    weight = quantile * quantile / n  # z²/n
    middle = (share + weight / 2) / (1 + weight)
    half = quantile / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    # Exactly 0 and 1 at the ends, where rounding could leave a gap.
    return (0.0 if share == 0 else max(0.0, middle - half)), (1.0 if share == 1 else min(1.0, middle + half))


def student_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's distribution, to 10⁻⁴ (above 5 degrees Abramowitz and Stegun 26.7.5)."""
    if degrees <= len(_STUDENT):
        return _STUDENT[degrees - 1]
    z = _Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / degrees**power for power, term in enumerate(terms))


def paired_difference(first: Mapping[str, float], second: Mapping[str, float], *, seed: int = 1) -> PairedDifference:
    """The difference on the items that both have a score for; p by turning the signs of the differences at random."""
    items = sorted(first.keys() & second.keys())
    differences = np.array([second[item] - first[item] for item in items])
    n = len(items)
    if n == 0:
        return PairedDifference(math.nan, -1.0, 1.0, 1.0, 0)
    value, p = float(differences.mean()), _sign_flip_p(differences, seed)
    if np.ptp(differences) < 1e-12:
        # Alike differences have no spread. As many others may exist as Wilson's interval of none in n leaves room for,
        # and any of them may be −1 or 1.
        others = share_interval(0.0, n)[1]
        return PairedDifference(value, value - others * (1 + value), value + others * (1 - value), p, n)
    half = student_quantile(n - 1) * float(differences.std(ddof=1)) / math.sqrt(n)
    return PairedDifference(value, max(-1.0, value - half), min(1.0, value + half), p, n)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, each raised by how many there are (Holm 1979), in the same order."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def sign_test(gained: int, lost: int) -> float:
    """The exact two-sided p-value of so many changes in one direction and in the other, if both were as likely.

    For right and wrong answers of two models to the same items this is McNemar's exact test (1947):
    2 Σ_{k ≤ min(gained, lost)} C(n, k) / 2ⁿ with n = gained + lost, at most 1.
    """
    n = gained + lost
    # In integers of any size, so that thousands of items do not overflow or round.
    ways, tail = 1, 0  # C(n, k), and their sum
    for k in range(min(gained, lost) + 1):
        tail += ways
        ways = ways * (n - k) // (k + 1)
    return min(1.0, 2 * tail / (1 << n))


def _sign_flip_p(differences: NDArray[np.float64], seed: int) -> float:
    """The two-sided p-value of the permutation test for paired values: exact for few, else by random signs."""
    changed = differences[differences != 0]
    n = len(changed)
    if n == 0:
        return 1.0
    observed = abs(changed.sum()) - 1e-12
    if 2**n <= _DRAWS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ changed) >= observed).mean())
    chance = np.random.default_rng(seed)
    larger = 0
    for _ in range(10):
        signs = chance.integers(0, 2, (_DRAWS // 10, n), dtype=np.int8) * 2 - 1
        larger += int((np.abs(signs @ changed) >= observed).sum())
    return (larger + 1) / (_DRAWS + 1)
