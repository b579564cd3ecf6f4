"""Compares stored rows with the rows of the checkpoint, and judges whether the error is what was promised.

Each kind of exactness has its own promise. *Exact* means every value is equal, *rounded* that it is the nearest number
of the narrower type. Codes that were moved exactly are packed again and compared as bytes, which takes a fraction of
the time of comparing values; some rows of each run are also compared as numbers, since a packer that is wrong is wrong
in every run. For blocks of few bits no bound holds for each value. But for all weights met in practice there is a bound
with a wide margin on the error of a whole row and of the tensor, far below what a swapped row, a wrong scale or a
shifted block would cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.gguf import ggml
from belle.gguf.types import FLOAT_TYPES
from convert.output.encode import to_f32
from convert.output.scratch import Scratch
from convert.plan.plan import TensorPlan

NEAR_EXACT_STEPS = 0.65
"""Largest rms error of a row whose codes were moved nearly exactly, in quantization steps. Rounding again (8-bit codes
with a zero point) gives at most half a step; a misread zero point gives one step for every weight."""

TENSOR_ERRORS = {
    GGMLType.Q8_0: 0.03,
    GGMLType.Q6_K: 0.1,
    GGMLType.Q5_K: 0.2,
    GGMLType.Q5_1: 0.2,
    GGMLType.Q5_0: 0.2,
    GGMLType.Q4_K: 0.35,
    GGMLType.Q4_1: 0.35,
    GGMLType.Q4_0: 0.35,
    GGMLType.IQ4_NL: 0.35,
    GGMLType.IQ4_XS: 0.35,
    GGMLType.MXFP4: 0.4,
    GGMLType.Q3_K: 0.5,
    GGMLType.Q2_K: 0.8,
}
"""Largest rms error of a tensor, relative to the rms of its weights: about three times the maximum measured for weights
of very different distributions. For types that are not listed, no bound holds for all weights."""

_ONE_ROW_IN = 16  # of the moved rows one in so many is compared as numbers
_ROW_ERROR = 1.0  # rows that do not belong together differ by 1.4
_TINY = 3e-5  # error per weight that scales too small for float16 may cause
# Half a unit in the last place: relative for normal numbers, absolute for subnormal ones.
_ROUNDING = {GGMLType.F16: 2.0**-11, GGMLType.BF16: 2.0**-8, GGMLType.F32: 2.0**-18}
_SMALLEST = {GGMLType.F16: 2.0**-25, GGMLType.BF16: 2.0**-133, GGMLType.F32: 0.0}


@dataclass(slots=True)
class Difference:
    """The error of some rows, or of many runs of rows added up.

    Attributes:
        n: values compared.
        error: Σ (stored − source)².
        power: Σ source².
        judged_error, judged_power: the same sums, weighted by the columns' importance if there is an imatrix.
        largest: maximum of |stored − source|.
        steps: Σ step², for weights that were quantized before; else 0.
        largest_steps: maximum of |stored − source| / step.
        same_bytes: whether the stored bytes were compared with the source's and are equal.
        fault: how the promise is broken, in words; "" if it is kept.
        fault_row: the row of the fault.
    """

    n: int = 0
    error: float = 0.0
    power: float = 0.0
    judged_error: float = 0.0
    judged_power: float = 0.0
    largest: float = 0.0
    steps: float = 0.0
    largest_steps: float = 0.0
    same_bytes: bool = False
    fault: str = ""
    fault_row: int = 0

    def add(self, other: Difference) -> None:
        """Add the difference of another run of rows of the same tensor; the first fault stays."""
        self.n += other.n
        self.error += other.error
        self.power += other.power
        self.judged_error += other.judged_error
        self.judged_power += other.judged_power
        self.largest = max(self.largest, other.largest)
        self.steps += other.steps
        self.largest_steps = max(self.largest_steps, other.largest_steps)
        if other.fault and not self.fault:
            self.fault, self.fault_row = other.fault, other.fault_row


def compare(plan: TensorPlan, start: int, stop: int, stored: NDArray[np.uint8], scratch: Scratch) -> Difference:
    """Compare rows `start:stop`, whose bytes in the file are `stored`, with the source. Raises what reading raises."""
    source = plan.source
    if plan.packed and plan.exactness == "exact" and not source.is_computed:
        return _moved(plan, start, stop, stored, scratch)
    if not plan.packed and plan.type is FLOAT_TYPES[source.dtype] and not source.is_computed:
        return _same_bytes(plan, start, stop, stored)
    values, read_back = _values(plan, start, stop, stored, scratch)
    if plan.exactness == "exact" and not source.is_computed:
        return _same_values(plan, start, values, read_back)
    difference = _measured(plan, start, values, read_back, scratch)
    error = scratch.take("error", np.float32, values.size).reshape(values.shape)
    if plan.type in FLOAT_TYPES.values():
        wrong = _badly_rounded(plan, values, error, difference, scratch)
        if wrong.any():
            row = start + int(np.argmax(wrong.any(axis=1)))
            _fault(difference, row, f"a weight is not the {plan.type.name} number nearest to the checkpoint's")
    else:
        _judge_rows(plan, start, values, error, difference)
    return difference


def _values(
    plan: TensorPlan, start: int, stop: int, stored: NDArray[np.uint8], scratch: Scratch
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows `start:stop` of the source and of the file in float32, `[rows, columns]` each."""
    rows = np.ascontiguousarray(plan.source.rows(start, stop))
    values = to_f32(rows.reshape(-1), plan.source.dtype, scratch).reshape(rows.shape)
    return values, _floats(plan.type, stored, values.size, scratch).reshape(values.shape)


def _moved(plan: TensorPlan, start: int, stop: int, stored: NDArray[np.uint8], scratch: Scratch) -> Difference:
    """Codes that were moved exactly: all bytes are compared with a second packing, some rows value by value."""
    again = np.ascontiguousarray(plan.source.packed_rows(start, stop)).reshape(-1)
    n_rows = -(-(stop - start) // _ONE_ROW_IN)
    values, read_back = _values(plan, start, start + n_rows, stored[: n_rows * plan.row_bytes], scratch)
    difference = _same_values(plan, start, values, read_back)
    difference.n = (stop - start) * plan.source.row_length
    difference.same_bytes = np.array_equal(_words(again), _words(stored))
    if not difference.same_bytes and not difference.fault:
        row = int(np.flatnonzero(again != stored)[0]) // plan.row_bytes
        _fault(difference, start + row, "a weight is not what its codes stand for")
    return difference


def tensor_fault(plan: TensorPlan, total: Difference) -> str:
    """How the promise for the whole tensor is broken, in words; "" if it is kept."""
    if total.fault:
        return total.fault
    limit = TENSOR_ERRORS.get(plan.type)
    if plan.exactness not in ("quantized", "requantized") or limit is None:
        return ""
    allowed = limit * np.sqrt(total.judged_power) + _TINY * np.sqrt(_weights_judged(plan))
    if np.sqrt(total.judged_error) <= allowed:
        return ""
    relative = np.sqrt(total.judged_error / max(total.judged_power, 1e-300))
    return f"its weights are {relative:.1%} off, where {plan.type.name} promises {limit:.0%}"


def _same_bytes(plan: TensorPlan, start: int, stop: int, stored: NDArray[np.uint8]) -> Difference:
    rows = np.ascontiguousarray(plan.source.rows(start, stop))
    expected = rows.reshape(-1).view(np.uint8)
    difference = Difference(rows.size, same_bytes=np.array_equal(_words(expected), _words(stored)))
    if not difference.same_bytes:
        column = int(np.flatnonzero(expected != stored)[0]) // rows.itemsize
        _fault(difference, start + column // plan.source.row_length, "a weight is not the checkpoint's")
    return difference


def _words(values: NDArray[np.uint8]) -> NDArray[Any]:
    """The bytes as 64-bit words if possible, which numpy compares eight times as fast."""
    return values.view(np.uint64) if values.size % 8 == 0 else values


def _same_values(
    plan: TensorPlan, start: int, values: NDArray[np.float32], read_back: NDArray[np.float32]
) -> Difference:
    difference = Difference(values.size)
    same = values == read_back
    if not same.all():
        row = int(np.argmin(same.all(axis=1)))
        what = "what its codes stand for" if plan.packed else "the checkpoint's weight"
        _fault(difference, start + row, f"a weight is not {what}")
    return difference


def _measured(
    plan: TensorPlan, start: int, values: NDArray[np.float32], read_back: NDArray[np.float32], scratch: Scratch
) -> Difference:
    """The error, left in the scratch buffer `error`, and its sums."""
    error = scratch.take("error", np.float32, values.size).reshape(values.shape)
    np.subtract(read_back, values, out=error)
    difference = Difference(values.size)
    difference.error, difference.power = _sum_of_squares(error), _sum_of_squares(values)
    difference.judged_error, difference.judged_power = difference.error, difference.power
    difference.largest = float(max(error.max(initial=0), -error.min(initial=0)))
    if not np.isfinite(difference.error) and not np.isfinite(error).all():
        row = int(np.argmin(np.isfinite(error).all(axis=1)))
        _fault(difference, start + row, "a weight is not a finite number")
    elif plan.source.was_quantized:
        steps = plan.source.steps(start, start + len(values))
        difference.steps = _sum_of_squares(steps)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(error) / steps
        difference.largest_steps = float(np.nanmax(ratio, initial=0, where=steps > 0))
    return difference


def _badly_rounded(
    plan: TensorPlan,
    values: NDArray[np.float32],
    error: NDArray[np.float32],
    difference: Difference,
    scratch: Scratch,
) -> NDArray[np.bool_]:
    """Which values are off by more than half a unit in the last place.

    Values that are computed (`is_computed`) may differ a little between two readings; that much more is allowed.
    """
    allowed = scratch.take("allowed", np.float32, values.size).reshape(values.shape)
    np.abs(values, out=allowed)
    np.multiply(allowed, np.float32(_ROUNDING[plan.type] * 1.001), out=allowed)
    slack = _SMALLEST[plan.type]
    if plan.source.is_computed:
        slack += 2.0**-18 * float(np.sqrt(difference.power / max(1, difference.n)))
    np.add(allowed, np.float32(slack), out=allowed)
    np.abs(error, out=error)
    wrong: NDArray[np.bool_] = error > allowed
    return wrong


def _judge_rows(
    plan: TensorPlan, start: int, values: NDArray[np.float32], error: NDArray[np.float32], difference: Difference
) -> None:
    weights = plan.importance
    if plan.exactness == "near-exact":
        steps = plan.source.steps(start, start + len(values))
        errors, powers = _row_squares(error, None), _row_squares(steps, None)
        limit, words = NEAR_EXACT_STEPS, "more than half a quantization step off its codes"
    elif plan.exactness == "calibrated":
        return  # rounded for the layer's output: even a whole row of weights may be far from the source's
    elif plan.type in TENSOR_ERRORS:
        errors, powers = _row_squares(error, weights), _row_squares(values, weights)
        difference.judged_error, difference.judged_power = float(errors.sum()), float(powers.sum())
        limit, words = _ROW_ERROR, "not the checkpoint's"
    else:
        return
    tiny = _TINY * np.sqrt(values.shape[1] if weights is None else float(weights.sum(dtype=np.float64)))
    wrong = np.sqrt(errors) > limit * np.sqrt(powers) + tiny
    if wrong.any():
        _fault(difference, start + int(np.argmax(wrong)), f"a row is {words}")


def _row_squares(values: NDArray[np.float32], weights: NDArray[np.float32] | None) -> NDArray[np.float64]:
    if weights is None:
        return np.asarray(np.einsum("ij,ij->i", values, values), np.float64)
    return np.asarray(np.einsum("ij,ij,j->i", values, values, weights), np.float64)


def _weights_judged(plan: TensorPlan) -> float:
    if plan.importance is None:
        return float(plan.n_weights)
    return plan.source.n_rows * float(plan.importance.sum(dtype=np.float64))


def _sum_of_squares(values: NDArray[np.float32]) -> float:
    return float(_row_squares(values, None).sum())


def _floats(kind: GGMLType, stored: NDArray[np.uint8], n: int, scratch: Scratch) -> NDArray[np.float32]:
    if kind is GGMLType.F32:
        return stored.view(np.float32)
    # (bfloat16 is the upper half of a float32.)
    out: NDArray[np.float32] = scratch.take("stored", np.float32, n)
    if kind is GGMLType.F16:
        ggml.f16_to_f32(stored.view(np.float16), out)
    elif kind is GGMLType.BF16:
        bits = out.view(np.uint32)
        np.copyto(bits, stored.view(np.uint16))
        np.left_shift(bits, 16, out=bits)
    else:
        ggml.dequantize_into(kind, stored, out)
    return out


def _fault(difference: Difference, row: int, words: str) -> None:
    difference.fault, difference.fault_row = words, row
