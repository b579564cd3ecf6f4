"""Codes and scales of some rows of a matrix, transposed for algorithms that go column by column.

Everything is `[columns, rows]`: the values of one column for all rows lie together in memory, and numpy does in one
call what would be a loop over rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.quantize.formats import BlockFormat, Blocks, Floats


class Grid:
    """Codes and scales of some rows.

    Attributes:
        kind: the block type.
        codes: `[columns, rows]`, whole numbers as float32.
        d: `[super-blocks, rows]`, values that f16 holds.
        dmin: the same, or None.
        scale: `[groups, rows]`.
        minimum: the same, or None.
    """

    def __init__(self, kind: BlockFormat, blocks: Blocks) -> None:
        self.kind = kind
        self._had_scale, self._had_minimum = blocks.scale is not None, blocks.minimum is not None
        self.codes = _transposed(blocks.codes)
        self.d = _transposed(blocks.d)
        n_groups = len(self.codes) // kind.group
        ones = np.ones((n_groups, len(blocks.codes)), np.float32)
        self.scale = ones if blocks.scale is None else _transposed(blocks.scale)
        self.dmin = None if blocks.dmin is None else _transposed(blocks.dmin)
        self.minimum = None
        if blocks.dmin is not None:
            self.minimum = ones if blocks.minimum is None else _transposed(blocks.minimum)

    def blocks(self) -> Blocks:
        """The rows as `Blocks`, not transposed: what `formats.pack` takes."""
        return Blocks(
            np.ascontiguousarray(self.codes.T.astype(np.uint8)),
            self.d.T.astype(np.float16),
            None if self.dmin is None else self.dmin.T.astype(np.float16),
            self.scale.T.astype(np.int8) if self._had_scale else None,
            self.minimum.T.astype(np.uint8) if self.minimum is not None and self._had_minimum else None,
        )

    def steps(self, first: int = 0, last: int | None = None) -> tuple[Floats, Floats]:
        """Step and value of code 0 of the groups in super-blocks `first:last`, `[groups, rows]` each."""
        kind = self.kind
        blocks = slice(first, last)
        groups = slice(first * kind.groups, None if last is None else last * kind.groups)
        step = np.repeat(self.d[blocks], kind.groups, axis=0) * self.scale[groups]
        base = step * np.float32(-kind.zero)
        if self.dmin is not None and self.minimum is not None:
            base -= np.repeat(self.dmin[blocks], kind.groups, axis=0) * self.minimum[groups]
        return step, base

    def values(self) -> Floats:
        """The weights that codes and scales stand for, `[columns, rows]`."""
        step, base = self.steps()
        n_groups, n_rows = step.shape
        grouped = self.codes.reshape(n_groups, self.kind.group, n_rows)
        return (grouped * step[:, None] + base[:, None]).reshape(-1, n_rows)


def inverse(step: Floats) -> Floats:
    """1 / step, and 0 where the step is 0: there every code stands for the same value."""
    return np.divide(np.float32(1), step, out=np.zeros_like(step), where=step != 0)


def _transposed(values: NDArray[np.generic]) -> Floats:
    return np.ascontiguousarray(values.T, dtype=np.float32)
