"""A layer in 8-bit floats (FP8) as rows of weights: `value · scale`, computed in float32.

Scales are one for the whole matrix, one for each row, or one for each block of it (128 × 128, as a rule). The values
are multiplied, as DeepSeek-V3's `weight_dequant` and compressed-tensors do, although DeepSeek's name for the factor is
`weight_scale_inv`.

Formats: OCP 8-bit floating point, https://www.opencompute.org/documents/ocp-8-bit-floating-point-specification-ofp8
-revision-1-0-2023-12-01-pdf-1 (E4M3, E5M2); E8M0, a bare exponent, is that of the OCP microscaling formats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.checkpoint.tensor import CheckpointTensor
from convert.rows.source import RowSource


def _values_of_bytes(exponent_bits: int, mantissa_bits: int, bias: int, *, specials: str) -> NDArray[np.float32]:
    """The value of each of the 256 bytes: sign, exponent, mantissa.

    `specials` says which bytes are not numbers. `ieee`: the largest exponent means infinity and NaN; `fn` (finite):
    only all ones is NaN; `fnuz` (finite, unsigned zero): only minus zero is NaN.
    """
    byte = np.arange(256)
    sign = np.where(byte & 128, -1.0, 1.0)
    exponent = (byte >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = byte & ((1 << mantissa_bits) - 1)
    fraction = mantissa / (1 << mantissa_bits)
    # Exponent 0 means a subnormal number: no leading 1, and the exponent of the smallest normal one.
    value = sign * np.where(exponent, (1 + fraction) * 2.0 ** (exponent - bias), fraction * 2.0 ** (1 - bias))
    if specials == "ieee":
        top = exponent == (1 << exponent_bits) - 1
        value = np.where(top, np.where(mantissa, np.nan, sign * np.inf), value)
    else:
        value = np.where(byte == 128 if specials == "fnuz" else byte & 127 == 127, np.nan, value)
    return value.astype(np.float32)


VALUES: dict[str, NDArray[np.float32]] = {
    "f8_e4m3": _values_of_bytes(4, 3, 7, specials="fn"),
    "f8_e5m2": _values_of_bytes(5, 2, 15, specials="ieee"),
    "f8_e4m3fnuz": _values_of_bytes(4, 3, 8, specials="fnuz"),
    "f8_e5m2fnuz": _values_of_bytes(5, 2, 16, specials="fnuz"),
}
"""The value of every byte, by our name of the type."""


class Float8Rows(RowSource):
    """The weight `value · scale` of one layer, `[out_features, in_features]`, in float32.

    Args:
        tensor: the 8-bit floats.
        scale: None where the floats are the weights.
        block: rows and columns that share a scale, where `scale` is a matrix of such.

    Raises KnownError: `damaged_fp8` for a scale that does not fit, `not_finite`.
    """

    dtype = "f32"

    def __init__(self, tensor: CheckpointTensor, scale: CheckpointTensor | None, block: tuple[int, int]) -> None:
        self.name = tensor.name
        self.shape = tensor.shape
        self._tensor = tensor
        self._values = VALUES[tensor.raw_dtype]
        self._block = block
        scale_grid = np.ones((1, 1), np.float32) if scale is None else _grid(scale, tensor, block)
        self._scale = scale_grid  # [1, 1], [out, 1] or [out / block, in / block]

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """`value · scale` in float32, `[stop - start, in_features]`."""
        weights: NDArray[np.float32] = self._values[self._tensor.raw_rows(start, stop)]
        scale = self._scale
        if len(scale) == self.shape[0] != 1:
            scale = scale[start:stop]
        elif len(scale) > 1:
            scale = scale[np.arange(start, stop) // self._block[0]]
        if scale.shape[1] > 1:
            scale = np.repeat(scale, self._block[1], axis=1)[:, : self.shape[1]]
        np.multiply(weights, scale, out=weights)
        return weights


def scale_values(scale: CheckpointTensor) -> NDArray[np.float32]:
    """A tensor of scales in float32, in its shape. Raises KnownError `not_finite`."""
    stored: NDArray[Any] = np.asarray(scale.array())
    if scale.raw_dtype == "bf16":  # the upper half of a float32
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    elif scale.raw_dtype == "f8_e8m0":
        # E8M0: nothing but an exponent with bias 127; 255 is NaN.
        stored = np.where(stored == 255, np.nan, 2.0 ** (stored.astype(np.float64) - 127))
    elif stored.dtype.kind != "f":
        message = f"{scale.name} is stored as {scale.raw_dtype}, and scales are floats."
        raise KnownError("damaged_fp8", message, "Get the checkpoint again.", tensor=scale.name)
    values: NDArray[np.float32] = stored.astype(np.float32)
    if not np.isfinite(values).all():
        raise KnownError("not_finite", f"{scale.name} holds NaN or infinity.", tensor=scale.name)
    return values


def _grid(scale: CheckpointTensor, tensor: CheckpointTensor, block: tuple[int, int]) -> NDArray[np.float32]:
    """The scales as a matrix that is broadcast or repeated over the weight: `[1, 1]`, `[out, 1]` or one per block."""
    values = scale_values(scale)
    rows, columns = tensor.n_rows, tensor.row_length
    blocks = (-(-rows // block[0]), -(-columns // block[1]))
    if values.size == 1:
        return values.reshape(1, 1)
    if values.shape in ((rows,), (rows, 1)):
        return values.reshape(rows, 1)
    if values.shape == blocks:
        return values
    raise KnownError(
        "damaged_fp8",
        f"{scale.name} has the shape {list(values.shape)}; {list(tensor.shape)} weights in blocks of "
        f"{block[0]} × {block[1]} have one of 1, [{rows}, 1] or {list(blocks)}.",
        "The configuration's weight_block_size may belong to another checkpoint.",
        tensor=scale.name,
    )
