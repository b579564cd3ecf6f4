"""Split off rows for validation so that no duplicate of them stays in the training data."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from belle.data.rows import Row, picture_digest, questions_of

if TYPE_CHECKING:
    from belle.data.duplicates.shingles import Numbers


def group_text(row: Row) -> str:
    """The text by which rows are grouped: their questions; of rows about a picture, which picture it is."""
    return picture_digest(row) or "\n".join(questions_of(row))


def held_out(groups: Numbers, *, share: float | None = None, count: int | None = None, seed: int = 1234) -> Numbers:
    """Which rows are held out, whole groups at a time: bool `[rows]`.

    The same rows, seed and size give the same result; the order of a group depends on its first row's number alone.

    Args:
        groups: of `SimilarTexts.groups`.
        share: of all rows, 0…1; exact to one group.
        count: number of rows, instead of `share`.
    """
    import numpy as np

    roots, sizes = np.unique(groups, return_counts=True)
    target = count if count is not None else round((share or 0.0) * len(groups))
    order = sorted(range(len(roots)), key=lambda i: _draw(int(roots[i]), seed))
    chosen: list[int] = []
    taken = 0
    for index in order:
        # A group that is too large for the rest is left out, and smaller ones after it may still fit.
        if taken + int(sizes[index]) <= target:
            chosen.append(int(roots[index]))
            taken += int(sizes[index])
        if taken == target:
            break
    return np.isin(groups, np.array(chosen, dtype=np.int64))


def _draw(root: int, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{root}".encode(), digest_size=8).digest()
