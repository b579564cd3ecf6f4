"""Rounding with error feedback (GPTQ): the columns still to be rounded compensate for the error of each rounded one.

GPTQ (Frantar et al., arXiv 2210.17323, algorithm 1) rounds column by column and moves the columns not yet rounded to
where the layer's output changes least (equation 2). With U upper triangular and UᵀU = H⁻¹, rounding column c with the
error e changes every later column j by −e · U[c, j] / U[c, c].

The scales are chosen beforehand here, so any order of the columns is allowed; those with the largest inputs come first
(act-order), while most others are left to compensate for them.
"""

from __future__ import annotations

import numpy as np

from convert.quantize.formats import Floats
from convert.quantize.grid import Grid, inverse
from convert.quantize.hessian import Hessian

_BLOCK = 64
"""Columns whose corrections reach the columns behind the block together, as one matrix product (lazy batch updates)."""


def round_with_feedback(weights: Floats, grid: Grid, metric: Hessian) -> None:
    """Choose the codes of `grid` for `weights` `[columns, rows]`; its scales stay."""
    kind, order, factor = grid.kind, metric.order, metric.factor
    step, base = grid.steps()  # [groups, rows] each
    inverse_step = inverse(step)
    remaining = weights[order]  # [columns, rows], a copy that is corrected as the rounding goes on
    n_columns = len(remaining)
    for start in range(0, n_columns, _BLOCK):
        stop = min(start + _BLOCK, n_columns)
        errors = np.empty((stop - start, remaining.shape[1]), np.float32)
        for at in range(start, stop):
            column = order[at]
            group = column // kind.group  # by the place in the matrix, not in the order: groups are neighbours there
            codes = np.rint((remaining[at] - base[group]) * inverse_step[group])
            np.clip(codes, kind.lowest, kind.highest, out=codes)
            grid.codes[column] = codes
            error = remaining[at] - (codes * step[group] + base[group])
            error /= factor[at, at]
            errors[at - start] = error
            remaining[at + 1 : stop] -= factor[at, at + 1 : stop, None] * error
        remaining[stop:] -= factor[start:stop, stop:].T @ errors
