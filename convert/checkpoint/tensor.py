"""A tensor of a checkpoint: the place of its values in a file, read on demand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.dtypes import RawDtype, narrowed
from convert.checkpoint.problems import unsupported
from convert.checkpoint.strided import read_strided, row_starts
from convert.checkpoint.weights_file import WeightsFile
from convert.rows.source import FloatName, RowSource


@dataclass(frozen=True)
class Placement:
    """The place of a tensor's values. Two tensors with equal placements and shapes are tied: the same weights.

    Attributes:
        file: the weights file, open.
        offset: byte position of the first value.
        strides: distance between neighbours along each axis, in values.
        big_endian: whether the most significant byte of each value comes first.
    """

    file: WeightsFile
    offset: int
    strides: tuple[int, ...]
    big_endian: bool = False


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides, in values, of a tensor whose rows lie one after the other."""
    strides = [1]
    for size in reversed(shape[1:]):
        strides.append(strides[-1] * size)
    return tuple(reversed(strides))[: len(shape)]


class CheckpointTensor(RowSource):
    """One tensor of a checkpoint, read lazily and from any thread.

    Args:
        name: its name in the checkpoint.
        raw: how its values are stored.
        shape: numpy order; `()` for a single number.
        placement: of its values; the reader has checked that all of them are inside the file.
    """

    def __init__(self, name: str, raw: RawDtype, shape: tuple[int, ...], placement: Placement) -> None:
        self.name = name
        self.shape = shape
        self.placement = placement
        self._raw = raw
        self._contiguous = placement.strides == contiguous_strides(shape)

    @property
    def file(self) -> Path:
        """The weights file that holds the tensor."""
        return self.placement.file.path

    @property
    def raw_dtype(self) -> str:
        """How the values are stored: `f32`, `bf16`, `i32`, `f8_e4m3` … (`convert.checkpoint.dtypes`)."""
        return self._raw.name

    @property
    def dtype(self) -> FloatName:  # type: ignore[override]
        """The precision of `rows()`. Raises KnownError (`not_a_weight`) for integers and other types."""
        return self._weight_dtype()

    @property
    def row_length(self) -> int:
        """Values per row; 1 for a single number."""
        return self.shape[-1] if self.shape else 1

    @property
    def n_bytes(self) -> int:
        """Bytes that the values take up in the file."""
        return self._raw.byte_count(math.prod(self.shape)) or 0

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Rows `start:stop` as stored: float32 (float64 is narrowed), float16, or bfloat16 bits in uint16.

        Raises KnownError: `not_a_weight` (integers, 8-bit floats …), `out_of_range` (a float64 too large for float32),
        `truncated`, `unreadable`.
        """
        self._weight_dtype()
        rows = self.raw_rows(start, stop)
        if self.raw_dtype != "f64":
            return rows
        narrow = narrowed(rows)
        if narrow is None:
            raise unsupported(
                self.file,
                "a float64 value is too large for float32",
                "The checkpoint is broken or was never meant for 16- or 32-bit use.",
                kind="out_of_range",
                tensor=self.name,
            )
        return narrow

    def raw_rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Rows `start:stop` of any type of whole bytes, as a new array `[stop - start, row_length]`.

        8-bit floats are returned as uint8. Raises KnownError (`unsupported_dtype`, `truncated`, `unreadable`).
        """
        if not 0 <= start <= stop <= self.n_rows:
            raise IndexError(f"{self.name} has no rows {start}:{stop} (it has {self.n_rows})")
        placement, dtype = self.placement, self._numpy_dtype()
        out = np.empty((stop - start, self.row_length), dtype)
        if self._contiguous:
            first = placement.offset + start * self.row_length * dtype.itemsize
            placement.file.read_into(first, out)
        else:
            starts = row_starts(self.shape, placement.strides, start, stop)
            read_strided(placement.file, placement.offset, starts, placement.strides[-1], out)
        return out.byteswap(inplace=True) if placement.big_endian else out

    def array(self) -> NDArray[np.generic]:
        """The whole tensor, read-only: a memory map of its place in the file.

        It is a copy if the file is big-endian or the values are not aligned.

        Meant for tensors that are needed as a whole (`qzeros`, `g_idx`): the pages that are read stay in memory as long
        as the array exists. bfloat16 is returned as uint16, 8-bit floats as uint8. Raises KnownError
        (`unsupported_dtype`, `truncated`, `unreadable`).
        """
        placement, dtype = self.placement, self._numpy_dtype()
        # From the first value to the last one that any index reaches.
        span = sum((size - 1) * stride for size, stride in zip(self.shape, placement.strides, strict=True)) + 1
        if math.prod(self.shape) == 0:
            span = 0
        values = placement.file.mapped(placement.offset, span * dtype.itemsize).view(dtype)
        # The map holds the whole span; strides pick the tensor's values out of it without copying.
        byte_strides = [stride * dtype.itemsize for stride in placement.strides]
        view = np.lib.stride_tricks.as_strided(values, self.shape, byte_strides, writeable=False)
        if view.flags.aligned and not placement.big_endian:
            return view
        copy = view.byteswap() if placement.big_endian else view.copy()
        copy.flags.writeable = False
        return copy

    def _weight_dtype(self) -> FloatName:
        if self._raw.weight is None:
            raise unsupported(
                self.file,
                f"its {self.raw_dtype} values are not plain weights",
                "Only f64, f32, f16 and bf16 weights can be converted, and the quantized layouts this program knows.",
                kind="not_a_weight",
                tensor=self.name,
            )
        return self._raw.weight

    def _numpy_dtype(self) -> np.dtype[np.generic]:
        if self._raw.numpy is None:
            advice = "Convert from a checkpoint in f32, f16 or bf16."
            what = f"{self.raw_dtype} values are not read"
            raise unsupported(self.file, what, advice, kind="unsupported_dtype", tensor=self.name)
        return self._raw.numpy
