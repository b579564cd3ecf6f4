"""How a transcript differs from its reference: the fewest edits that turn one into the other (Levenshtein 1966)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of one or several transcripts.

    Attributes:
        substitutions, deletions, insertions: what was said became something else, is missing, was added.
        length: units of the reference.
    """

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    length: int = 0

    @property
    def errors(self) -> int:
        """All edits."""
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> Edits:
    """The fewest edits, and among alignments with as few the one with most substitutions.

    With the price K for a deletion or insertion and K − 1 for a substitution, K above every possible number of edits,
    the least price is K · edits − substitutions, from which both can be read. Deletions and insertions follow, because
    their difference is that of the lengths. Memory: one row of the table; time: the product of the lengths.
    """
    n, m = len(reference), len(hypothesis)
    price = n + m + 1  # K
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys((*reference, *hypothesis)))}
    columns = np.array([numbers[unit] for unit in hypothesis], np.int64)
    steps = np.arange(m + 1, dtype=np.int64) * price
    row: NDArray[np.int64] = steps.copy()  # [m + 1]: the price of the first j units of the hypothesis out of nothing
    for unit in reference:
        diagonal = row[:-1] + np.where(columns == numbers[unit], 0, price - 1)
        cheapest = row + price
        cheapest[1:] = np.minimum(cheapest[1:], diagonal)
        # Insertions go along the row: min over i ≤ j of cheapest[i] + (j − i) · K.
        row = np.minimum.accumulate(cheapest - steps) + steps
    least = int(row[-1])
    count = -(-least // price)
    substitutions = count * price - least
    rest = count - substitutions  # deletions + insertions
    return Edits(substitutions, (rest + n - m) // 2, (rest - n + m) // 2, n)
