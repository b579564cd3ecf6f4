"""Rounding with error feedback: what one column lost, the columns after it make good as far as they can.

The layer's inputs say which errors cancel each other. GPTQ (Frantar et al., arXiv 2210.17323) rounds column by column
and moves the columns not yet rounded to where the layer's output changes least, given what has happened already. Here
the scales are chosen beforehand, so that any order of the columns is allowed; those with the largest inputs come first
(“act-order”), while there are most others left to make good for them.
"""

from __future__ import annotations

import numpy as np

from convert.quantize.formats import Floats
from convert.quantize.grid import Grid, inverse
from convert.quantize.hessian import Hessian

_BLOCK = 64
"""Columns whose corrections are gathered before they reach the columns behind the block, as one matrix product."""


def round_with_feedback(weights: Floats, grid: Grid, metric: Hessian) -> None:
    """Choose the codes of `grid` for `weights` `[columns, rows]`; its scales stay."""
    kind, order, factor = grid.kind, metric.order, metric.factor
    step, base = grid.lines()
    inverse_step = inverse(step)
    left = weights[order]
    n_columns = len(left)
    for start in range(0, n_columns, _BLOCK):
        stop = min(start + _BLOCK, n_columns)
        errors = np.empty((stop - start, left.shape[1]), np.float32)
        for at in range(start, stop):
            column = order[at]
            group = column // kind.group
            codes = np.rint((left[at] - base[group]) * inverse_step[group])
            np.clip(codes, kind.lowest, kind.highest, out=codes)
            grid.codes[column] = codes
            error = left[at] - (codes * step[group] + base[group])
            error /= factor[at, at]
            errors[at - start] = error
            left[at + 1 : stop] -= factor[at, at + 1 : stop, None] * error
        left[stop:] -= factor[start:stop, stop:].T @ errors
