"""Asymmetric 4-bit GPTQ in Q4_K at 4.5 bits: the codes stay, scales and minima are searched.

Q4_K has one float16 `d` and `dmin` for 256 columns and 6-bit integers for every 32, GPTQ a float16 scale and an
integer zero per group (64 or 128 columns, as a rule). So `s_j ≈ d * sc_j` and `s_j * z_j ≈ dmin * mn_j` for the few
groups of a superblock: a common divisor of two to four numbers with quotients up to 63. All anchors are tried, each
followed by a least-squares step for the divisor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 63


def common_divisor(values: NDArray[np.float32]) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """A float16 divisor and 6-bit quotients with the least squared error, for each row of non-negative `values`.

    Args:
        values: `[n, k]`, the numbers that share a divisor.

    Returns:
        divisors `[n]` and quotients `[n, k]` in 0…63.
    """
    largest = values.max(axis=1)
    best = np.zeros(len(values), np.float16)
    quotients = np.zeros(values.shape, np.uint8)
    least = np.full(len(values), np.inf, np.float32)
    for anchor in range(1, LEVELS + 1):
        trial = (largest / anchor).astype(np.float16)
        counts = _quotients(values, trial)
        weight = np.square(counts).sum(axis=1)
        refined = ((values * counts).sum(axis=1) / np.maximum(weight, 1)).astype(np.float16)
        for divisor in (trial, refined):
            error = np.square(values - divisor.astype(np.float32)[:, None] * counts).sum(axis=1)
            better = error < least
            least[better] = error[better]
            best[better] = divisor[better]
            quotients[better] = counts[better]
    return best, quotients


def _quotients(values: NDArray[np.float32], divisors: NDArray[np.float16]) -> NDArray[np.float32]:
    wide = divisors.astype(np.float32)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = np.where(wide > 0, np.rint(values / wide), 0)
    return np.clip(counts, 0, LEVELS).astype(np.float32)
