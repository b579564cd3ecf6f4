"""A GPTQ or AWQ layer as rows of weights: exact floats for whoever asks, GGUF blocks where a type holds them.

Everything is derived from four tensors that stay on disk until rows are asked for; the packed codes of one layer (a
few dozen MB for a 7B model) are held while it is being converted and dropped with the source.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gguf.constants import GGMLQuantizationType
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.gptq import blocks, codes
from convert.gptq.layout import Module, zeros_of
from convert.gptq.structured import common_divisor
from convert.source import RowSource

Mode = Literal["exact", "fast"]
_RUN = blocks.RUN
_SUPER = blocks.SUPER


@dataclass(frozen=True, slots=True)
class Groups:
    """Scales and zeros of a layer, and which group every input column belongs to.

    scales `[groups, out]` float32, zeros `[groups, out]`, g_idx `[in]`.
    """

    scales: NDArray[np.float32]
    zeros: NDArray[np.uint16]
    g_idx: NDArray[np.int64]

    def constant_over(self, run: int) -> bool:
        """Every aligned run of `run` columns lies in one group."""
        n = len(self.g_idx)
        if n % run:
            return False
        return bool((self.g_idx.reshape(-1, run) == self.g_idx[::run, None]).all())


class GPTQRows(RowSource):
    """The weight `s * (q - z)` of one quantized layer, `[out_features, in_features]`.

    Args:
        module: its layout.
        tensors: `.qweight` and the others by full name, each with `.array()`.
        version, wordwise: how the zeros are stored (`convert.gptq.layout`).
        mode: `exact` picks a type that holds every weight; `fast` gives asymmetric 4-bit layers structured Q4_K.
        columns: a permutation of the input columns, for act-order layers whose input was permuted alike.
    """

    dtype = "f32"
    was_quantized = True

    def __init__(
        self,
        module: Module,
        tensors: Any,
        *,
        version: Literal[1, 2],
        wordwise: bool,
        mode: Mode = "exact",
        columns: NDArray[np.intp] | None = None,
    ) -> None:
        self.name = module.name + ".weight"
        self.shape = module.shape
        self.module = module
        self._tensors = tensors
        self._version: Literal[1, 2] = version
        self._wordwise = wordwise
        self._mode: Mode = mode
        self._columns = columns
        self._lock = threading.Lock()
        self._qweight: NDArray[np.int32] | None = None
        self.groups = self._read_groups(version, wordwise)
        self._run = _RUN if self.groups.constant_over(_RUN) else 1
        self.scales_are_f16 = _is_f16(self.groups.scales)
        self.packed_type = self._choose_type(mode)
        self.structured = mode == "fast" and self.packed_type is GGMLQuantizationType.Q4_K and not self._uniform()
        self.hybrid = self.packed_type is GGMLQuantizationType.Q8_0 and not self._fits(-128, 127)
        self.packed_exactness = "exact" if self.exact else "near-exact"

    @property
    def exact(self) -> bool:
        """`packed_type` holds every weight bit for bit."""
        return self.packed_type is not None and self.scales_are_f16 and not (self.structured or self.hybrid)

    def release(self) -> None:
        """Drop the packed codes; they are read again when rows are asked for again."""
        with self._lock:
            self._qweight = None

    def with_columns(self, columns: NDArray[np.intp]) -> GPTQRows:
        """The same layer for an input whose features come in the order of `columns`."""
        return GPTQRows(
            self.module, self._tensors, version=self._version, wordwise=self._wordwise, mode=self._mode, columns=columns
        )

    @property
    def act_order(self) -> bool:
        """Columns of one run of 32 belong to different groups, so that no block type fits."""
        return self._run == 1

    def by_group(self) -> NDArray[np.intp]:
        """The permutation of the input columns that brings every group together."""
        return np.argsort(self.groups.g_idx, kind="stable")

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """`s * (q - z)` in float32. Exact where the scales are float16 numbers: 11 + 5 bits fit into 24."""
        q = self._row_codes(start, stop)
        runs = q.reshape(len(q), -1, self._run)
        zeros = self._by_run(self.groups.zeros, start, stop).astype(np.float32)
        weights = np.empty(runs.shape, np.float32)
        np.subtract(runs, zeros[..., None], out=weights)
        np.multiply(weights, self._by_run(self.groups.scales, start, stop)[..., None], out=weights)
        return weights.reshape(q.shape)

    def steps(self, start: int, stop: int) -> NDArray[np.float32]:
        """The quantization step (the scale) of every weight of the rows."""
        return np.repeat(np.abs(self._by_run(self.groups.scales, start, stop)), self._run, axis=1)

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The rows as blocks of `packed_type`."""
        if self.packed_type is None:
            return super().packed_rows(start, stop)
        run = _SUPER if self.packed_type is GGMLQuantizationType.Q4_K and not self.structured else _RUN
        group_of_run = self.groups.g_idx[::run]
        scales = self.groups.scales[group_of_run, start:stop].T
        if self._are_q4_0_already:
            return blocks.q4_0_of_pairs(codes.row_pairs(self._words()[:, start:stop]), scales.astype(np.float16))
        q = self._row_codes(start, stop)
        zeros = self.groups.zeros[group_of_run, start:stop].T
        if self.structured:
            return self._structured(q, scales, zeros)
        if self.hybrid:
            return blocks.q8_0_hybrid(q, scales, zeros)
        packers = {
            GGMLQuantizationType.Q4_0: blocks.q4_0,
            GGMLQuantizationType.Q5_0: blocks.q5_0,
            GGMLQuantizationType.Q8_0: blocks.q8_0,
            GGMLQuantizationType.Q4_K: blocks.q4_k_uniform,
        }
        return packers[self.packed_type](q, scales.astype(np.float16), zeros)

    def _by_run(self, values: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
        """`values` `[groups, out]` of the rows, once for every run of columns that share them: `[rows, runs]`."""
        return np.ascontiguousarray(values[self.groups.g_idx[:: self._run], start:stop].T)

    def _structured(
        self, q: NDArray[np.uint8], scales: NDArray[np.float32], zeros: NDArray[np.uint16]
    ) -> NDArray[np.uint8]:
        rows, n_runs = scales.shape
        n_super = n_runs // 8
        # Neighbouring runs of one group share their numbers: search over the distinct ones only.
        stride = max(1, min(8, self.module.group_size // _RUN))
        values = scales.reshape(-1, 8)[:, ::stride]
        minima = (scales * zeros).astype(np.float32).reshape(-1, 8)[:, ::stride]
        d, sc = common_divisor(values)
        dmin, mn = common_divisor(minima)
        spread = (rows, n_super, 8)
        return blocks.q4_k(
            q,
            d.reshape(rows, n_super),
            dmin.reshape(rows, n_super),
            np.repeat(sc, stride, axis=1).reshape(spread),
            np.repeat(mn, stride, axis=1).reshape(spread),
        )

    def _choose_type(self, mode: Mode) -> GGMLQuantizationType | None:
        if self.act_order:
            return None
        if self.module.bits == 8:
            return GGMLQuantizationType.Q8_0
        if self._fits(-8, 7):
            return GGMLQuantizationType.Q4_0
        if self._uniform():
            return GGMLQuantizationType.Q4_K
        if mode == "fast" and self._can_be_structured():
            return GGMLQuantizationType.Q4_K
        return GGMLQuantizationType.Q5_0

    def _fits(self, low: int, high: int) -> bool:
        """`q - z` lies in `low`…`high` whatever the codes."""
        zeros = self.groups.zeros
        return -int(zeros.max()) >= low and (1 << self.module.bits) - 1 - int(zeros.min()) <= high

    def _uniform(self) -> bool:
        return self.module.bits <= 4 and self.groups.constant_over(_SUPER)

    def _can_be_structured(self) -> bool:
        """Whole superblocks, groups of a power of two, and no negative scale (Q4_K's quotients are unsigned)."""
        size = self.module.group_size
        return (
            self.module.shape[1] % _SUPER == 0
            and size >= _RUN
            and size & (size - 1) == 0
            and bool((self.groups.scales >= 0).all())
        )

    def _read_groups(self, version: Literal[1, 2], wordwise: bool) -> Groups:
        module = self.module
        scales = np.asarray(self._tensors[module.name + ".scales"].array())
        if scales.dtype == np.uint16:  # bfloat16 bits
            scales = (scales.astype(np.uint32) << 16).view(np.float32)
        scales = scales.astype(np.float32)
        if not np.isfinite(scales).all():
            raise KnownError(
                "not_finite", f"{module.name}.scales holds NaN or infinity.", tensor=module.name + ".scales"
            )
        words = _words(self._tensors[module.name + ".qzeros"].array())
        if module.method == "awq":
            zeros = codes.unpack_awq(words).astype(np.uint16)
        else:
            zeros = zeros_of(words, module.bits, version=version, wordwise=wordwise)
        if module.has_g_idx:
            g_idx = np.asarray(self._tensors[module.name + ".g_idx"].array()).astype(np.int64)
            if g_idx.min() < 0 or g_idx.max() >= module.n_groups:
                raise KnownError(
                    "damaged_gptq",
                    f"{module.name}.g_idx names group {g_idx.max()} of {module.n_groups}.",
                    tensor=module.name + ".g_idx",
                )
        else:
            g_idx = np.arange(module.shape[1]) // module.group_size
        if self._columns is not None:
            g_idx = g_idx[self._columns]
        return Groups(scales, zeros, g_idx)

    @property
    def _are_q4_0_already(self) -> bool:
        """The codes differ from those of Q4_0 blocks in their order alone: 4 bits fit only where all zeros are 8."""
        plain = self.module.bits == 4 and self.module.method != "awq" and self._columns is None
        return plain and self.packed_type is GGMLQuantizationType.Q4_0

    def _words(self) -> NDArray[np.int32]:
        with self._lock:
            if self._qweight is None:
                self._qweight = _words(self._tensors[self.module.name + ".qweight"].array())
        return self._qweight

    def _row_codes(self, start: int, stop: int) -> NDArray[np.uint8]:
        words = self._words()
        if self.module.method == "awq":
            first, last = start // 8, -(-stop // 8)
            q = codes.unpack_awq(np.ascontiguousarray(words[:, first:last]))[:, start - 8 * first : stop - 8 * first]
        elif self.module.bits == 4:
            rows = codes.unpack_pairs(codes.row_pairs(words[:, start:stop]))
            return rows if self._columns is None else rows[:, self._columns]
        else:
            q = codes.unpack(np.ascontiguousarray(words[:, start:stop]), self.module.bits)
        rows = np.ascontiguousarray(q.T)
        return rows if self._columns is None else rows[:, self._columns]


def _words(array: NDArray[Any]) -> NDArray[np.int32]:
    return np.ascontiguousarray(array).view(np.int32)


def _is_f16(scales: NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        return bool((scales.astype(np.float16).astype(np.float32) == scales).all())
