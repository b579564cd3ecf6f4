"""Coordinate descent on codes and scales: each number in turn is set to where the layer's output error is least.

After error feedback every code is right given the codes before it, but not given those after it. Let E be the error of
the weights and P = HE, both `[columns, rows]`. Changing one number by δ changes the weights of a row by δv, and

    tr(EᵀHE) falls by δ(2 vᵀP − δ vᵀHv), which is largest at δ = vᵀP / vᵀHv.

So the best change follows from P alone, and P is updated by P −= δHv. No step makes the error larger. For codes (v is a
unit vector times the step) this is QuantEase (Behdin et al., arXiv 2309.01885); here scales and minima,
integers or f16, are included.
"""

from __future__ import annotations

import numpy as np

from convert.quantize.formats import Floats
from convert.quantize.grid import Grid, inverse
from convert.quantize.hessian import Hessian

_RUN = 32
"""Columns whose changes are gathered before they reach the rest, as one matrix product."""


def descend(weights: Floats, grid: Grid, metric: Hessian, sweeps: int) -> None:
    """Improve codes and scales of `grid` for `weights` `[columns, rows]`, going over all of them `sweeps` times."""
    moments, span = metric.moments, grid.kind.span
    for _ in range(sweeps):
        error = weights - grid.values()
        pull = moments @ error  # P, [columns, rows]
        for block in range(len(weights) // span):
            columns = slice(block * span, (block + 1) * span)
            part = _SuperBlock(grid, block, np.ascontiguousarray(moments[columns, columns]), pull[columns].copy())
            part.set_scales()
            part.set_codes()
            # Only the columns still to come: those before are not used until P is computed again for the next sweep.
            pull[(block + 1) * span :] -= moments[(block + 1) * span :, columns] @ part.change


class _SuperBlock:
    """One super-block of all rows.

    Attributes:
        moments: its part of H, `[span, span]`.
        pull: its part of P, `[span, rows]`, updated with every change.
        change: how its weights have changed so far, `[span, rows]`.
        codes: its part of the grid's codes, a view.
    """

    def __init__(self, grid: Grid, block: int, moments: Floats, pull: Floats) -> None:
        self.grid, self.kind, self.block = grid, grid.kind, block
        self.moments, self.pull = moments, pull
        self.change = np.zeros_like(pull)
        self.codes = grid.codes[block * self.kind.span : (block + 1) * self.kind.span]

    def set_scales(self) -> None:
        """Choose the best d and dmin, then the best integer scale and minimum of each group."""
        grid, kind, block = self.grid, self.kind, self.block
        first, last = block * kind.groups, (block + 1) * kind.groups
        everything = slice(0, kind.span)
        scales = np.repeat(grid.scale[first:last], kind.group, axis=0)  # [span, rows]
        # The weight d·scale·(q − zero) − dmin·minimum is linear in each of its numbers; the factor is the direction.
        grid.d[block] = self._best(grid.d[block], (self.codes - kind.zero) * scales, everything, None)
        if grid.dmin is not None and grid.minimum is not None:
            minima = np.repeat(grid.minimum[first:last], kind.group, axis=0)
            grid.dmin[block] = self._best(grid.dmin[block], -minima, everything, None)
        if kind.groups == 1:
            return
        for group in range(first, last):
            columns = slice((group - first) * kind.group, (group - first + 1) * kind.group)
            codes = self.codes[columns] - kind.zero
            grid.scale[group] = self._best(grid.scale[group], codes * grid.d[block], columns, kind.scales)
            if grid.dmin is not None and grid.minimum is not None:
                direction = np.repeat(-grid.dmin[block][None], kind.group, axis=0)
                grid.minimum[group] = self._best(grid.minimum[group], direction, columns, (0, kind.minima))

    def _best(self, number: Floats, direction: Floats, columns: slice, limits: tuple[int, int] | None) -> Floats:
        """The best value of one number in every row; where no value is better the number stays.

        Args:
            number: its value so far, `[rows]`.
            direction: by how much the weights in `columns` change with it, `[columns, rows]`.
            columns: the columns whose weights contain the number.
            limits: of an integer; None for a number stored as f16.
        """
        response = self.moments[:, columns] @ direction  # Hv, [span, rows]
        slope = np.einsum("cr,cr->r", direction, self.pull[columns])  # vᵀP
        curve = np.einsum("cr,cr->r", direction, response[columns])  # vᵀHv
        target = number + np.divide(slope, curve, out=np.zeros_like(slope), where=curve > 0)
        if limits is None:
            with np.errstate(over="ignore"):
                target = target.astype(np.float16).astype(np.float32)
        else:
            target = np.clip(np.rint(target), *limits)
        change = target - number
        # What is stored is rounded, so the step is not the best one any more and may even be a loss.
        gain = change * (2 * slope - change * curve)
        better = np.isfinite(target) & (gain > 0)
        change = np.where(better, change, np.float32(0))
        self.change[columns] += change * direction
        self.pull -= response * change
        return np.asarray(number + change, np.float32)

    def set_codes(self) -> None:
        """Choose the best code of every column, from left to right."""
        kind = self.kind
        step, _ = self.grid.steps(self.block, self.block + 1)  # [groups, rows]
        inverse_step = inverse(step)
        for start in range(0, kind.span, _RUN):
            run = slice(start, start + _RUN)
            moments, pull = self.moments[run, run], self.pull[run].copy()
            changes = np.empty_like(pull)
            for at in range(_RUN):
                group = (start + at) // kind.group
                # v is a unit vector times the step, so vᵀP / vᵀHv is pull / (step · H[c, c]).
                old = self.codes[start + at]
                new = np.rint(old + pull[at] * (inverse_step[group] / moments[at, at]))
                np.clip(new, kind.lowest, kind.highest, out=new)
                changes[at] = (new - old) * step[group]
                self.codes[start + at] = new
                pull[at + 1 :] -= moments[at + 1 :, at, None] * changes[at]
            self.change[run] += changes
            self.pull -= self.moments[:, run] @ changes
