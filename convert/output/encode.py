"""Encodes a run of source rows as the bytes of the file: blocks as they are, floats as floats, floats as blocks.

Every value is checked to be finite, because a NaN in one weight makes every answer of the model nonsense, and nothing
else would report it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf import ggml
from belle.gguf.types import FLOAT_TYPES
from convert.output import q8_0
from convert.output.scratch import Scratch
from convert.plan.plan import TensorPlan

# By float type: an integer type of its size, the mask without the sign, and infinity: anything not below it is
# infinite or NaN.
_EXPONENT: dict[str, tuple[type[np.unsignedinteger[Any]], int, int]] = {
    "f16": (np.uint16, 0x7FFF, 0x7C00),
    "bf16": (np.uint16, 0x7FFF, 0x7F80),
    "f32": (np.uint32, 0x7FFFFFFF, 0x7F800000),
}


def encode_rows(plan: TensorPlan, start: int, stop: int, scratch: Scratch) -> Callable[[], NDArray[np.uint8]]:
    """Read rows `start:stop` now, and return a function that computes their bytes `[n]`.

    There are two steps so that a thread waits for the disk without occupying a processor. The bytes are valid until the
    next call with the same `scratch`. Raises KnownError if a value is not finite or too large for f16.
    """
    source = plan.source
    if plan.packed:
        blocks = np.ascontiguousarray(source.packed_rows(start, stop)).reshape(-1).view(np.uint8)
        return lambda: _checked_blocks(plan, blocks, start, stop)
    rows = np.ascontiguousarray(source.rows(start, stop)).reshape(-1)
    return lambda: _encode(plan, rows, start, stop, scratch)


def _encode(plan: TensorPlan, rows: NDArray[Any], start: int, stop: int, scratch: Scratch) -> NDArray[np.uint8]:
    if not _finite(rows, plan.source.dtype, scratch):
        raise _not_finite(plan, rows, start)
    if plan.type is FLOAT_TYPES[plan.source.dtype]:
        return rows.view(np.uint8)
    if plan.type is GGMLType.F16:
        return _to_f16(plan, to_f32(rows, plan.source.dtype, scratch), start, scratch).view(np.uint8)
    values = to_f32(rows, plan.source.dtype, scratch)
    if plan.type is GGMLType.F32:
        return values.view(np.uint8)
    if plan.type is GGMLType.BF16:
        bits = scratch.take("bf16", np.uint16, values.size)
        ggml.f32_to_bf16(values, bits)
        if not _finite(bits, "bf16", scratch):  # values near the largest float32 round up to infinity
            raise _too_large(plan, values, start, "bf16", 3.39e38)
        return bits.view(np.uint8)
    if plan.round_first and plan.source.dtype != "f16":
        halves = _to_f16(plan, values, start, scratch)
        values = scratch.take("f32", np.float32, halves.size)
        ggml.f16_to_f32(halves, values)
    out = scratch.take("blocks", np.uint8, (stop - start) * plan.row_bytes)
    # Our own Q8_0 is only right for values that float16 holds (see there).
    if plan.type is GGMLType.Q8_0 and (plan.round_first or plan.source.dtype == "f16"):
        q8_0.quantize(values, out, scratch)
    else:
        ggml.quantize(plan.type, values.reshape(stop - start, -1), out, plan.importance)
    return _checked_blocks(plan, out, start, stop)


def to_f32(rows: NDArray[Any], dtype: str, scratch: Scratch) -> NDArray[np.float32]:
    """Contiguous values as `RowSource.rows` returns them, exactly, in the buffer `f32` of `scratch`."""
    if dtype == "f32":
        return rows
    out: NDArray[np.float32] = scratch.take("f32", np.float32, rows.size)
    if dtype == "f16":
        ggml.f16_to_f32(rows, out)
    else:
        bits = out.view(np.uint32)  # bfloat16 is the upper half of a float32
        np.copyto(bits, rows)
        np.left_shift(bits, 16, out=bits)
    return out


def _to_f16(plan: TensorPlan, values: NDArray[np.float32], start: int, scratch: Scratch) -> NDArray[np.float16]:
    halves: NDArray[np.float16] = scratch.take("f16", np.float16, values.size)
    ggml.f32_to_f16(values, halves)
    if not _finite(halves, "f16", scratch):
        raise _too_large(plan, values, start, "f16", 65504.0)
    return halves


def _finite(values: NDArray[Any], dtype: str, scratch: Scratch) -> bool:
    unsigned, mask, limit = _EXPONENT[dtype]
    bits = values.view(unsigned)
    magnitude = scratch.take(f"check {dtype}", unsigned, bits.size)
    return bool(np.bitwise_and(bits, unsigned(mask), out=magnitude).max(initial=0) < limit)


def _not_finite(plan: TensorPlan, rows: NDArray[Any], start: int) -> KnownError:
    unsigned, mask, limit = _EXPONENT[plan.source.dtype]
    magnitude = rows.view(unsigned) & unsigned(mask)
    at = int(np.argmax(magnitude >= limit))
    row, column = divmod(at, plan.source.row_length)
    what = "infinite" if magnitude[at] == limit else "not a number (NaN)"
    return KnownError(
        "not_finite",
        f"{plan.source.name} has a weight that is {what}: row {start + row}, column {column}.",
        "The checkpoint is damaged or its training diverged.",
        tensor=plan.source.name,
        row=start + row,
        column=column,
    )


def _too_large(plan: TensorPlan, values: NDArray[np.float32], start: int, name: str, largest: float) -> KnownError:
    at = int(np.argmax(np.abs(values)))
    row = start + at // plan.source.row_length
    advice = "Use --type bf16 or f32"
    return KnownError(
        "too_large",
        f"{plan.source.name} has the weight {values[at]:.6g} in row {row}; {name} ends at {largest:g}.",
        f"{advice}, or --direct to quantize without rounding to f16 first." if name == "f16" else "Use --type f32.",
        tensor=plan.source.name,
        row=row,
    )


def _checked_blocks(plan: TensorPlan, blocks: NDArray[np.uint8], start: int, stop: int) -> NDArray[np.uint8]:
    if not ggml.valid_blocks(plan.type, blocks):
        raise KnownError(
            "not_finite",
            f"{plan.source.name} has a scale that is not a finite number between rows {start} and {stop}.",
            "The checkpoint is damaged, or the importance matrix does not belong to it.",
            tensor=plan.source.name,
            row=start,
        )
    return blocks
