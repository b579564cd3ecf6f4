"""Descending to better codes and scales: one number after the other is set to where the layer's error is least.

After error feedback every code is right given the codes before it, but not given those after it. With E the error of
the weights and P = HE (transposed here, as everything), the best change of one number follows from P alone, and P is
easily kept up to date. No step makes the error larger. (For codes this is QuantEase, Behdin et al., arXiv 2309.01885;
here scales and minima, whole numbers or f16, take part.)
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
        pull = moments @ error
        for block in range(len(weights) // span):
            here = slice(block * span, (block + 1) * span)
            work = _SuperBlock(grid, block, np.ascontiguousarray(moments[here, here]), pull[here].copy())
            work.set_scales()
            work.set_codes()
            pull[(block + 1) * span :] -= moments[(block + 1) * span :, here] @ work.moved


class _SuperBlock:
    """One super-block of all rows: `pull` is kept up to date within it, `moved` is how its values have changed."""

    def __init__(self, grid: Grid, block: int, moments: Floats, pull: Floats) -> None:
        self.grid, self.kind, self.block = grid, grid.kind, block
        self.moments, self.pull = moments, pull
        self.moved = np.zeros_like(pull)
        self.codes = grid.codes[block * self.kind.span : (block + 1) * self.kind.span]

    def set_scales(self) -> None:
        """The best d and dmin, then the best whole numbers."""
        grid, kind, block = self.grid, self.kind, self.block
        first, last = block * kind.groups, (block + 1) * kind.groups
        everything = slice(0, kind.span)
        scales = np.repeat(grid.scale[first:last], kind.group, axis=0)
        grid.d[block] = self._set(grid.d[block], (self.codes - kind.zero) * scales, everything, None)
        if grid.dmin is not None and grid.minimum is not None:
            minima = np.repeat(grid.minimum[first:last], kind.group, axis=0)
            grid.dmin[block] = self._set(grid.dmin[block], -minima, everything, None)
        if kind.groups == 1:
            return
        for group in range(first, last):
            here = slice((group - first) * kind.group, (group - first + 1) * kind.group)
            codes = self.codes[here] - kind.zero
            grid.scale[group] = self._set(grid.scale[group], codes * grid.d[block], here, kind.scales)
            if grid.dmin is not None and grid.minimum is not None:
                direction = np.repeat(-grid.dmin[block][None], kind.group, axis=0)
                grid.minimum[group] = self._set(grid.minimum[group], direction, here, (0, kind.minima))

    def _set(self, number: Floats, direction: Floats, here: slice, whole: tuple[int, int] | None) -> Floats:
        """The best value, for every row, of a number that the values in the columns `here` are `direction` times of.

        `whole` are the limits of a whole number, None means f16. Where no value is better the number stays.
        """
        response = self.moments[:, here] @ direction
        slope = np.einsum("cr,cr->r", direction, self.pull[here])
        curve = np.einsum("cr,cr->r", direction, response[here])
        wanted = number + np.divide(slope, curve, out=np.zeros_like(slope), where=curve > 0)
        if whole is None:
            with np.errstate(over="ignore"):
                wanted = wanted.astype(np.float16).astype(np.float32)
        else:
            wanted = np.clip(np.rint(wanted), *whole)
        change = wanted - number
        gain = change * (2 * slope - change * curve)
        better = np.isfinite(wanted) & (gain > 0)
        change = np.where(better, change, np.float32(0))
        self.moved[here] += change * direction
        self.pull -= response * change
        return np.asarray(number + change, np.float32)

    def set_codes(self) -> None:
        """The best code of one column after the other."""
        kind = self.kind
        step, base = self.grid.lines(self.block, self.block + 1)
        del base
        inverse_step = inverse(step)
        for start in range(0, kind.span, _RUN):
            run = slice(start, start + _RUN)
            moments, pull = self.moments[run, run], self.pull[run].copy()
            changes = np.empty_like(pull)
            for at in range(_RUN):
                group = (start + at) // kind.group
                old = self.codes[start + at]
                new = np.rint(old + pull[at] * (inverse_step[group] / moments[at, at]))
                np.clip(new, kind.lowest, kind.highest, out=new)
                changes[at] = (new - old) * step[group]
                self.codes[start + at] = new
                pull[at + 1 :] -= moments[at + 1 :, at, None] * changes[at]
            self.moved[run] += changes
            self.pull -= self.moments[:, run] @ changes
