"""Rearranged rows: a checkpoint's layout differs from GGUF's almost always only in the order of rows.

Each arrangement is a `RowSource` and reads only what is requested. Rows are moved whole, so blocks that are quantized
already (`packed_rows`) are moved without loss.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.rows.source import RowSource

_SHORTEST = 1e-12  # as in torch.nn.functional.normalize

Reader = Callable[[int, int], NDArray[Any]]


def take_rows(source: RowSource, index: NDArray[np.intp]) -> RowSource:
    """The rows of `source` in the order of `index`; for a vector, its values in that order."""
    return source.take(index) or TakeRows(source, index)


class TakeRows(RowSource):
    """A permutation or selection of rows (of values, for a vector).

    Rows that are neighbours in the source are read in one piece, whatever their order here; no other rows are read.
    """

    def __init__(self, source: RowSource, index: NDArray[np.intp]) -> None:
        self._source = source
        self._index = np.ascontiguousarray(index, dtype=np.intp)
        self._is_vector = len(source.shape) == 1
        limit = source.row_length if self._is_vector else source.n_rows
        if self._index.ndim != 1 or (self._index.size and not 0 <= self._index.min() <= self._index.max() < limit):
            raise IndexError(f"{source.name}: rows outside 0 … {limit - 1}")
        self.name = source.name
        self.dtype = source.dtype
        self.packed_type = None if self._is_vector else source.packed_type
        _describe_as(self, source)
        self.shape = (self._index.size, *source.shape[1:])

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        if self._is_vector:
            return self._source.rows(0, 1)[start:stop, self._index]
        return _gather(self._source.rows, self._index[start:stop])

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        return _gather(self._source.packed_rows, self._index[start:stop])

    def steps(self, start: int, stop: int) -> NDArray[np.float32]:
        return _gather(self._source.steps, self._index[start:stop])

    def release(self) -> None:
        self._source.release()

    def take(self, index: NDArray[np.intp]) -> RowSource | None:
        return take_rows(self._source, self._index[index])


class AddConstant(RowSource):
    """The values of a small tensor plus a constant, in float32 (Gemma stores the weights of its norms minus one)."""

    dtype = "f32"

    def __init__(self, source: RowSource, constant: float) -> None:
        self._source = source
        self._constant = np.float32(constant)
        self.name = source.name
        self.shape = source.shape

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._source.float_rows(start, stop) + self._constant


class UnitRows(RowSource):
    """The rows of a matrix, each divided by its Euclidean length, in float32 (Baichuan 2's output head)."""

    dtype = "f32"
    is_computed = True

    def __init__(self, source: RowSource) -> None:
        self._source = source
        self.name = source.name
        self.shape = source.shape

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        rows = self._source.float_rows(start, stop)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
        return np.asarray(rows / np.maximum(lengths, _SHORTEST), dtype=np.float32)

    def release(self) -> None:
        self._source.release()


class Column(RowSource):
    """A vector `[n]` as a matrix of one column, `[n, 1]` (so whisper.cpp expects the biases of its convolutions)."""

    def __init__(self, vector: RowSource) -> None:
        self._vector = vector
        self.name = vector.name
        self.dtype = vector.dtype
        _describe_as(self, vector)
        self.shape = (vector.row_length, 1)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._vector.rows(0, 1).reshape(-1, 1)[start:stop]

    def release(self) -> None:
        self._vector.release()


class ArrayRows(RowSource):
    """A small tensor held in memory: one that is computed, not stored."""

    dtype = "f32"

    def __init__(self, name: str, values: NDArray[np.float32]) -> None:
        self.name = name
        self.shape = values.shape
        self._rows = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, values.shape[-1])

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._rows[start:stop]


def _describe_as(rows: RowSource, source: RowSource) -> None:
    """Copy to `rows` the attributes that a rearrangement does not change."""
    rows.packed_exactness = source.packed_exactness
    rows.was_quantized = source.was_quantized
    rows.is_computed = source.is_computed


def _gather(read: Reader, wanted: NDArray[np.intp]) -> NDArray[Any]:
    """The rows `wanted`, in this order, read as runs of neighbours."""
    if not wanted.size:
        return read(0, 1)[:0]
    order = np.argsort(wanted, kind="stable")
    ordered = wanted[order]
    # A run ends where the next row is farther than 1; equal rows (a distance of 0) stay in it.
    starts = [0, *(np.flatnonzero(np.diff(ordered) > 1) + 1).tolist(), wanted.size]
    result: NDArray[Any] | None = None
    for begin, end in pairwise(starts):
        low, high = int(ordered[begin]), int(ordered[end - 1]) + 1
        block = read(low, high)
        if result is None:
            result = np.empty((wanted.size, *block.shape[1:]), block.dtype)
        result[order[begin:end]] = block[ordered[begin:end] - low]
    assert result is not None
    return result
