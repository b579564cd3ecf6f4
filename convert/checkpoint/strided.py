"""Reads rows of a tensor whose rows are not contiguous in the file: a transposed or sliced view.

PyTorch saves a view as its strides over the whole storage, so `weight.t()` is stored with contiguous columns. Rows of
such a tensor are read run by run; only where neither rows nor columns are contiguous the file is memory-mapped.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.weights_file import WeightsFile


def row_starts(shape: tuple[int, ...], strides: tuple[int, ...], start: int, stop: int) -> NDArray[np.int64]:
    """The positions (in values) at which rows `start:stop` begin; rows are counted over all axes but the last."""
    positions = np.zeros(stop - start, np.int64)
    rest: NDArray[np.int64] = np.arange(start, stop, dtype=np.int64)
    for size, stride in zip(reversed(shape[:-1]), reversed(strides[:-1]), strict=True):
        rest, index = np.divmod(rest, size)
        positions += index * stride
    return positions


def read_strided(
    file: WeightsFile, offset: int, starts: NDArray[np.int64], step: int, out: NDArray[np.generic]
) -> None:
    """Fill the rows of `out`: row i is every `step`-th value from position `starts[i]`, counted from byte `offset`.

    Raises KnownError (`truncated`, `unreadable`).
    """
    if out.size == 0:
        return
    length = out.shape[1]
    if step == 1 or length == 1:  # the values of a row are neighbours
        for first, last in _runs(starts, length):
            _fill(file, offset, int(starts[first]), out[first:last])
    # The values of a column are neighbours: read it in one piece for each run of rows. With many short runs that would
    # be more reads than the map below costs.
    elif (runs := _runs(starts, 1)) and len(runs) <= max(1, len(starts) // 8):
        for first, last in runs:
            columns = np.empty((length, last - first), out.dtype)  # transposed
            for column in range(length):
                _fill(file, offset, int(starts[first]) + column * step, columns[column])
            out[first:last] = columns.T
    else:
        _gather_mapped(file, offset, starts, step, out)


def _runs(starts: NDArray[np.int64], distance: int) -> list[tuple[int, int]]:
    """Index ranges `(first, last)`, the end exclusive, in which every start is `distance` after the one before."""
    breaks = np.flatnonzero(np.diff(starts) != distance) + 1
    edges = [0, *breaks.tolist(), len(starts)]
    return list(pairwise(edges))


def _fill(file: WeightsFile, offset: int, position: int, out: NDArray[np.generic]) -> None:
    file.read_into(offset + position * out.itemsize, out)


def _gather_mapped(
    file: WeightsFile, offset: int, starts: NDArray[np.int64], step: int, out: NDArray[np.generic]
) -> None:
    low = int(starts.min())
    span = int(starts.max()) - low + (out.shape[1] - 1) * step + 1
    values = file.mapped(offset + low * out.itemsize, span * out.itemsize).view(out.dtype)
    columns = np.arange(out.shape[1], dtype=np.int64) * step
    for row, start in enumerate(starts.tolist()):
        out[row] = values[start - low + columns]
