"""A part for validation that nothing of is in the part for training: duplicates stay on one side."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from belle.data.rows import Row, questions_of

if TYPE_CHECKING:
    from belle.data.similarity import Numbers


def group_text(row: Row) -> str:
    """What decides which rows belong together: what was asked."""
    return "\n".join(questions_of(row))


def held_out(groups: Numbers, *, share: float | None = None, count: int | None = None, seed: int = 1234) -> Numbers:
    """Which rows are held out, whole groups at a time `[rows]`.

    The same rows, seed and size give the same answer; a group's place depends on its first row's number alone.

    Args:
        groups: of `SimilarTexts.groups`.
        share: of all rows, 0…1; hit within one group.
        count: rows, in place of `share`.
    """
    import numpy as np

    roots, sizes = np.unique(groups, return_counts=True)
    wanted = count if count is not None else round((share or 0.0) * len(groups))
    order = sorted(range(len(roots)), key=lambda i: _draw(int(roots[i]), seed))
    chosen: list[int] = []
    taken = 0
    for index in order:
        # A large group that would overshoot is left to a place where there is room for it.
        if taken + int(sizes[index]) <= wanted:
            chosen.append(int(roots[index]))
            taken += int(sizes[index])
        if taken == wanted:
            break
    return np.isin(groups, np.array(chosen, dtype=np.int64))


def _draw(root: int, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{root}".encode(), digest_size=8).digest()
