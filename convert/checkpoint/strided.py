"""Reading rows of a tensor that does not lie in its file row after row: a transposed or sliced view.

PyTorch saves a view as its strides over the whole storage, so `weight.t()` arrives with its columns contiguous. Rows
of such a tensor are gathered run by run; only a layout in which neither rows nor columns are contiguous is mapped.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.weights_file import WeightsFile


def row_starts(shape: tuple[int, ...], strides: tuple[int, ...], start: int, stop: int) -> NDArray[np.int64]:
    """The position of the first value of rows `start:stop`, in values, where rows run over all axes but the last."""
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
    if step == 1 or length == 1:
        for first, last in _runs(starts, length):
            _fill(file, offset, int(starts[first]), out[first:last])
    elif (runs := _runs(starts, 1)) and len(runs) <= max(1, len(starts) // 8):
        for first, last in runs:
            columns = np.empty((length, last - first), out.dtype)
            for column in range(length):
                _fill(file, offset, int(starts[first]) + column * step, columns[column])
            out[first:last] = columns.T
    else:
        _gather_mapped(file, offset, starts, step, out)


def _runs(starts: NDArray[np.int64], distance: int) -> list[tuple[int, int]]:
    """Index ranges `(first, last)` in which every start is `distance` after the one before."""
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
