"""The data types that a checkpoint can store, with one name each, however the file format spells them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.rows.source import FloatName


@dataclass(frozen=True)
class RawDtype:
    """How the values of a tensor are stored.

    Attributes:
        name: our name, such as `bf16`, `i64` or `f8_e4m3`.
        bits: size of one value; 4 and 6 are packed across bytes.
        numpy: the little-endian numpy type that holds the bits (bfloat16 as uint16, 8-bit floats as uint8), None where
            values are smaller than a byte.
        weight: the precision in which `rows()` returns the values; None if they are not plain weights.
    """

    name: str
    bits: int
    numpy: np.dtype[np.generic] | None
    weight: FloatName | None = None

    @property
    def item_size(self) -> int:
        """Bytes per value. Only for types of whole bytes."""
        return self.bits // 8

    def byte_count(self, n_values: int) -> int | None:
        """Bytes of `n_values` values; None if they do not fill whole bytes."""
        n_bytes, rest = divmod(n_values * self.bits, 8)
        return None if rest else n_bytes


def _whole(name: str, numpy: str, weight: FloatName | None = None) -> RawDtype:
    dtype: np.dtype[np.generic] = np.dtype(numpy)
    return RawDtype(name, dtype.itemsize * 8, dtype, weight)


DTYPES = {
    dtype.name: dtype
    for dtype in (
        _whole("f64", "<f8", "f32"),
        _whole("f32", "<f4", "f32"),
        _whole("f16", "<f2", "f16"),
        _whole("bf16", "<u2", "bf16"),
        _whole("f8_e4m3", "u1"),
        _whole("f8_e5m2", "u1"),
        _whole("f8_e8m0", "u1"),
        _whole("f8_e4m3fnuz", "u1"),
        _whole("f8_e5m2fnuz", "u1"),
        RawDtype("f6_e2m3", 6, None),
        RawDtype("f6_e3m2", 6, None),
        RawDtype("f4", 4, None),
        _whole("i64", "<i8"),
        _whole("i32", "<i4"),
        _whole("i16", "<i2"),
        _whole("i8", "i1"),
        _whole("u64", "<u8"),
        _whole("u32", "<u4"),
        _whole("u16", "<u2"),
        _whole("u8", "u1"),
        _whole("bool", "?"),
        _whole("c64", "<c8"),
        _whole("c128", "<c16"),
    )
}


def narrowed(values: NDArray[np.generic]) -> NDArray[np.float32] | None:
    """float64 `values` as float32; None if a finite one is too large for it."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if np.array_equal(np.isinf(narrow), np.isinf(values)) else None
