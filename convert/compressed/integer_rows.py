"""An integer layer of compressed-tensors as rows of weights: codes of 4 or 8 bits, with a scale and a zero per group.

`pack-quantized` stores `X.weight_packed`, several codes in an int32, the first one lowest, each plus `2**(bits - 1)`,
and `X.weight_shape`; `int-quantized` and `naive-quantized` store `X.weight` as int8. Beside either stand
`X.weight_scale`, for asymmetric layers `X.weight_zero_point`, for act-order ones `X.weight_g_idx`.

Source: the format as https://github.com/vllm-project/compressed-tensors describes and writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.checkpoint.tensor import CheckpointTensor
from convert.compressed.float8 import scale_values
from convert.gptq.quantized_rows import GroupQuantizedRows, Groups, Mode

BITS = (4, 8)
_WORD = 32
_COMPANION_TYPES: Mapping[str, tuple[str, ...]] = {
    "weight_scale": ("f64", "f32", "f16", "bf16"),
    "weight_zero_point": ("i8", "i32"),
    "weight_g_idx": ("i32", "i64"),
    "weight_shape": ("i32", "i64"),
}
"""The tensors beside the codes of a layer, and the types that each may have."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The tensors of one layer."""

    name: str
    codes: CheckpointTensor
    scale: CheckpointTensor
    zero_point: CheckpointTensor | None
    g_idx: CheckpointTensor | None
    shape: tuple[int, int]
    bits: int

    @property
    def is_packed(self) -> bool:
        """Whether several codes are packed into one int32."""
        return self.codes.raw_dtype == "i32"


class IntegerRows(GroupQuantizedRows):
    """The weight of one layer, `[out_features, in_features]`.

    Args:
        layer: its tensors.
        group_size: as the configuration states it; None or -1 for one scale per row or for the whole matrix.
        mode: see `GroupQuantizedRows`.

    Raises KnownError: `damaged_compressed`, `not_finite`.
    """

    def __init__(self, layer: Layer, group_size: int | None, mode: Mode = "exact") -> None:
        self._codes = layer.codes
        self._packed = layer.is_packed
        groups = _groups(layer, group_size)
        self.has_zeros = bool((groups.zeros != 1 << (layer.bits - 1)).any())
        """Whether some group's zero is another code than the middle one."""
        size = group_size if group_size and group_size > 0 else layer.shape[1]
        super().__init__(
            f"{layer.name}.weight", layer.shape, bits=layer.bits, group_size=size, groups=groups, mode=mode
        )

    def row_codes(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The codes of rows `start:stop` as unsigned numbers, `[stop - start, in_features]`."""
        stored = self._codes.raw_rows(start, stop)
        if self._packed:
            return _unpacked(stored, self.bits)[:, : self.shape[1]]
        # int8 + 128, modulo 256: flipping the sign bit of the two's complement.
        return stored.view(np.uint8) ^ np.uint8(128)


def read_layer(name: str, tensors: Mapping[str, CheckpointTensor], bits: int) -> Layer:
    """The layer `name`. Raises KnownError `damaged_compressed` for tensors that are missing or do not fit."""
    packed = tensors.get(f"{name}.weight_packed")
    codes = packed if packed is not None else tensors[f"{name}.weight"]
    scale = tensors.get(f"{name}.weight_scale")
    if scale is None:
        raise _damaged(name, "weight_scale is missing")
    shape = _stored_shape(name, tensors, codes, bits)
    in_words = -(-shape[1] // (_WORD // bits))  # the last word may be padded
    if codes.shape != ((shape[0], in_words) if packed is not None else shape):
        raise _damaged(name, f"{list(codes.shape)} stored codes are not those of {list(shape)} weights of {bits} bits")
    if codes.raw_dtype != ("i32" if packed is not None else "i8"):
        raise _damaged(name, f"its codes are stored as {codes.raw_dtype}")
    if packed is not None and f"{name}.weight" in tensors:
        raise _damaged(name, "it has both weight and weight_packed")
    for part, kinds in _COMPANION_TYPES.items():
        tensor = tensors.get(f"{name}.{part}")
        if tensor is not None and (tensor.raw_dtype not in kinds or 0 in tensor.shape):
            raise _damaged(name, f"its {part} is stored as {list(tensor.shape)} values of {tensor.raw_dtype}")
    others = (tensors.get(f"{name}.weight_zero_point"), tensors.get(f"{name}.weight_g_idx"))
    return Layer(name, codes, scale, *others, shape=shape, bits=bits)


def _stored_shape(
    name: str, tensors: Mapping[str, CheckpointTensor], codes: CheckpointTensor, bits: int
) -> tuple[int, int]:
    stated = tensors.get(f"{name}.weight_shape")
    if len(codes.shape) != 2:
        raise _damaged(name, f"its codes have {len(codes.shape)} axes")
    if stated is None:
        per_word = _WORD // bits if codes.raw_dtype == "i32" else 1
        return codes.shape[0], codes.shape[1] * per_word
    sizes = np.asarray(stated.array()).astype(np.int64).reshape(-1).tolist()
    if len(sizes) != 2 or min(sizes) < 1:
        raise _damaged(name, f"its weight_shape is {sizes[:4]}")
    return int(sizes[0]), int(sizes[1])


def _groups(layer: Layer, stated: int | None) -> Groups:
    """Scales and zeros, transposed from `[out, groups]` to GPTQ's `[groups, out]`, and every column's group."""
    rows, columns = layer.shape
    scales = scale_values(layer.scale)
    if scales.size == 1:
        scales = np.full((rows, 1), scales.reshape(()), np.float32)
    scales = scales.reshape(len(scales), -1)
    n_groups = scales.shape[1]
    size = stated if stated and stated > 0 and n_groups > 1 else -(-columns // n_groups)
    if len(scales) != rows or -(-columns // size) != n_groups:
        raise _damaged(layer.name, f"{list(layer.scale.shape)} scales do not fit {list(layer.shape)} weights")
    g_idx = np.arange(columns) // size
    if layer.g_idx is not None:
        named = np.asarray(layer.g_idx.array()).astype(np.int64)
        if named.shape != (columns,) or named.max() >= n_groups:
            raise _damaged(layer.name, "its weight_g_idx names groups that do not exist")
        # The library writes -1 everywhere if the columns are in order.
        g_idx = g_idx if named.min() < 0 else named
    zeros = _zeros(layer, rows, n_groups)
    return Groups(np.ascontiguousarray(scales.T), np.ascontiguousarray(zeros.T), g_idx)


def _zeros(layer: Layer, rows: int, n_groups: int) -> NDArray[np.uint16]:
    """The zeros as unsigned numbers, `[out, groups]`: like the codes, with `2**(bits - 1)` added."""
    middle = 1 << (layer.bits - 1)
    stored = layer.zero_point
    if stored is None:
        return np.full((rows, n_groups), middle, np.uint16)
    values = np.asarray(stored.array())
    if stored.raw_dtype == "i32":
        # Packed along the outputs, whereas codes are packed along the inputs.
        zeros = _unpacked(np.ascontiguousarray(values.reshape(len(values), -1).T), layer.bits).T[:rows]
    else:
        zeros = (values.reshape(len(values), -1).astype(np.int16) + middle).astype(np.uint16)
    if zeros.shape[0] == 1 and zeros.shape[1] == 1:
        zeros = np.full((rows, n_groups), zeros[0, 0])
    if zeros.shape != (rows, n_groups):
        raise _damaged(layer.name, f"{list(stored.shape)} zero points do not fit {rows} rows of {n_groups} groups")
    return zeros.astype(np.uint16)


def _unpacked(words: NDArray[np.generic], bits: int) -> NDArray[np.uint8]:
    """int32 words `[rows, n]` to codes `[rows, n * 32 / bits]`, the lowest bits first. Only 4 and 8 bits."""
    data = np.ascontiguousarray(words).astype("<i4", copy=False).view(np.uint8)
    if bits == 8:
        return data
    codes = np.empty((len(data), 2 * data.shape[1]), np.uint8)
    np.bitwise_and(data, 15, out=codes[:, 0::2])
    np.right_shift(data, 4, out=codes[:, 1::2])
    return codes


def _damaged(name: str, what: str) -> KnownError:
    return KnownError(
        "damaged_compressed",
        f"{name}: {what}.",
        "The checkpoint is incomplete, or its configuration belongs to another one: get it again.",
        tensor=name,
    )
