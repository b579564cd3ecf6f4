"""Rearrangements of rows: what separates a checkpoint's layout from GGUF's is almost always only the order of rows.

Each arrangement is itself a `RowSource` and reads only what is asked for. Rows are moved whole, so blocks that are
already quantized (`packed_rows`) move with them at no loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.rows.source import RowSource

Reader = Callable[[int, int], NDArray[Any]]


def take_rows(source: RowSource, index: NDArray[np.intp]) -> RowSource:
    """The rows of `source` in the order of `index`; for a vector, its values in that order."""
    return source.take(index) or TakeRows(source, index)


class TakeRows(RowSource):
    """A permutation or selection of rows (of values, for a vector).

    Rows that are neighbours in the source are read in one piece, whatever their order here, and no row is read that
    was not asked for.
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


class ConcatRows(RowSource):
    """Several sources, one below the other. Mixed precisions are read as float32, which holds them all."""

    def __init__(self, sources: Sequence[RowSource], name: str | None = None) -> None:
        first = sources[0]
        if any(s.shape[1:] != first.shape[1:] for s in sources) or len(first.shape) < 2:
            raise ValueError(f"{', '.join(s.name for s in sources)}: rows of different lengths cannot be joined")
        self._sources = tuple(sources)
        self._offsets = np.cumsum([0, *(s.shape[0] for s in sources)])
        self.name = name or first.name
        self.shape = (int(self._offsets[-1]), *first.shape[1:])
        self._same = len({s.dtype for s in sources}) == 1
        self.dtype = first.dtype if self._same else "f32"
        types = {s.packed_type for s in sources}
        self.packed_type = first.packed_type if len(types) == 1 else None
        _describe_as(self, *sources)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._read(start, stop, lambda s: s.rows if self._same else s.float_rows)

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        return self._read(start, stop, lambda s: s.packed_rows)

    def steps(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._read(start, stop, lambda s: s.steps)

    def release(self) -> None:
        for source in self._sources:
            source.release()

    def _read(self, start: int, stop: int, reader: Callable[[RowSource], Reader]) -> NDArray[Any]:
        parts = []
        for source, offset in zip(self._sources, self._offsets[:-1].tolist(), strict=True):
            low, high = max(start - offset, 0), min(stop - offset, source.shape[0])
            if low < high:
                parts.append(reader(source)(low, high))
        if not parts:
            return reader(self._sources[0])(0, 0)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class PadRows(RowSource):
    """`source` with rows of zeros below it, for a vocabulary that grew after the weights were saved."""

    def __init__(self, source: RowSource, n_rows: int) -> None:
        if len(source.shape) < 2 or n_rows < source.shape[0]:
            raise ValueError(f"{source.name}: {source.shape[0]} rows cannot be padded to {n_rows}")
        self._source = source
        self.name = source.name
        self.dtype = source.dtype
        self.packed_type = source.packed_type
        _describe_as(self, source)
        self.shape = (n_rows, *source.shape[1:])

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._read(start, stop, self._source.rows)

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        # In every block type zero bytes are zero values: each block has a scale, and here it is zero.
        return self._read(start, stop, self._source.packed_rows)

    def steps(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._read(start, stop, self._source.steps)

    def release(self) -> None:
        self._source.release()

    def _read(self, start: int, stop: int, read: Reader) -> NDArray[Any]:
        held = self._source.shape[0]
        known = read(min(start, held), min(stop, held)) if start < held else read(0, 1)[:0]
        missing = stop - start - len(known)
        if not missing:
            return known
        return np.concatenate([known, np.zeros((missing, *known.shape[1:]), known.dtype)])


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


class ArrayRows(RowSource):
    """A small tensor held in memory: one that is computed, not stored."""

    dtype = "f32"

    def __init__(self, name: str, values: NDArray[np.float32]) -> None:
        self.name = name
        self.shape = values.shape
        self._rows = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, values.shape[-1])

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._rows[start:stop]


def _describe_as(rows: RowSource, *sources: RowSource) -> None:
    """Say of `rows` what holds for all of `sources`."""
    near = any(source.packed_exactness == "near-exact" for source in sources)
    rows.packed_exactness = "near-exact" if near else "exact"
    rows.was_quantized = all(source.was_quantized for source in sources)
    rows.is_computed = any(source.is_computed for source in sources)


def _gather(read: Reader, wanted: NDArray[np.intp]) -> NDArray[Any]:
    """The rows `wanted`, read as runs of neighbours."""
    if not wanted.size:
        return read(0, 1)[:0]
    order = np.argsort(wanted, kind="stable")
    ordered = wanted[order]
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
