"""A group-quantized layer as rows of weights: as floats, and as GGUF blocks where a type holds its codes.

GPTQ, AWQ and compressed-tensors all store `s * (q - z)` with a scale s and a zero z per group of input columns; they
differ in how codes, scales and zeros are packed. Here is what is common: which block type holds the weights, and how
the codes get into it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gguf.constants import GGMLQuantizationType
from numpy.typing import NDArray

from convert.gptq import blocks
from convert.gptq.blocks import common_divisor
from convert.rows.source import RowSource

Mode = Literal["exact", "fast"]
_RUN = blocks.RUN
_SUPER = blocks.SUPER


@dataclass(frozen=True, slots=True)
class Groups:
    """Scales and zeros of a layer, and the group of every input column.

    scales `[groups, out]` float32, zeros `[groups, out]`, g_idx `[in]`.
    """

    scales: NDArray[np.float32]
    zeros: NDArray[np.uint16]
    g_idx: NDArray[np.int64]

    def constant_over(self, run: int) -> bool:
        """Whether every aligned run of `run` columns lies in one group."""
        n = len(self.g_idx)
        if n % run:
            return False
        return bool((self.g_idx.reshape(-1, run) == self.g_idx[::run, None]).all())


class GroupQuantizedRows(RowSource):
    """The weight `s * (q - z)` of one quantized layer, `[out_features, in_features]`.

    Args:
        name: of the weight.
        shape: `[out_features, in_features]`.
        bits: width of a code.
        group_size: input columns per group where `groups.g_idx` does not say otherwise.
        groups: scales and zeros.
        mode: `exact` chooses a type that holds every weight; `fast` gives asymmetric 4-bit layers Q4_K with
            approximated scales (`blocks.common_divisor`).

    Attributes:
        structured: the blocks are Q4_K with approximated scales.
        hybrid: the blocks are Q8_0, and some of the codes do not fit and are rounded again.
    """

    dtype = "f32"
    was_quantized = True

    def __init__(
        self, name: str, shape: tuple[int, int], *, bits: int, group_size: int, groups: Groups, mode: Mode = "exact"
    ) -> None:
        self.name = name
        self.shape = shape
        self.bits = bits
        self.group_size = group_size
        self.groups = groups
        self._run = _RUN if groups.constant_over(_RUN) else 1
        self.scales_are_f16 = _is_f16(groups.scales)
        self.packed_type = self._choose_type(mode)
        self.structured = mode == "fast" and self.packed_type is GGMLQuantizationType.Q4_K and not self._uniform()
        self.hybrid = self.packed_type is GGMLQuantizationType.Q8_0 and not self._fits(-128, 127)
        self.packed_exactness = "exact" if self.exact else "near-exact"

    @abstractmethod
    def row_codes(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The codes q of rows `start:stop`, `[stop - start, in_features]`."""

    @property
    def exact(self) -> bool:
        """Whether `packed_type` holds every weight bit for bit."""
        return self.packed_type is not None and self.scales_are_f16 and not (self.structured or self.hybrid)

    @property
    def act_order(self) -> bool:
        """Whether columns of one run of 32 belong to different groups, so that no block type fits."""
        return self._run == 1

    def by_group(self) -> NDArray[np.intp]:
        """The permutation of the input columns that sorts them by group."""
        return np.argsort(self.groups.g_idx, kind="stable")

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """`s * (q - z)` in float32. Exact where the scales are float16 numbers: 11 + 9 bits fit into 24."""
        q = self.row_codes(start, stop)
        runs = q.reshape(len(q), -1, self._run)  # [rows, in / run, run]
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
        q = self.row_codes(start, stop)
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
        """`values` `[groups, out]` of rows `start:stop`, one for every run of columns: `[rows, runs]`."""
        return np.ascontiguousarray(values[self.groups.g_idx[:: self._run], start:stop].T)

    def _structured(
        self, q: NDArray[np.uint8], scales: NDArray[np.float32], zeros: NDArray[np.uint16]
    ) -> NDArray[np.uint8]:
        rows, n_runs = scales.shape
        n_super = n_runs // 8
        # Neighbouring runs of one group share scale and zero: only the distinct ones are searched.
        stride = max(1, min(8, self.group_size // _RUN))
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
        if self.bits == 8:
            return GGMLQuantizationType.Q8_0  # 8.5 bits per weight
        if self._fits(-8, 7):
            return GGMLQuantizationType.Q4_0  # 4.5 bits
        if self._uniform():
            return GGMLQuantizationType.Q4_K  # 4.5 bits: groups of 256 columns, or one scale per row
        if mode == "fast" and self._can_be_structured():
            return GGMLQuantizationType.Q4_K
        # Asymmetric codes with a zero per 32 … 128 columns: q - z needs a fifth bit. 5.5 bits.
        return GGMLQuantizationType.Q5_0

    def _fits(self, low: int, high: int) -> bool:
        """Whether `q - z` lies in `low`…`high` for all possible codes."""
        zeros = self.groups.zeros
        return -int(zeros.max()) >= low and (1 << self.bits) - 1 - int(zeros.min()) <= high

    def _uniform(self) -> bool:
        return self.bits <= 4 and self.groups.constant_over(_SUPER)

    def _can_be_structured(self) -> bool:
        """Whether all superblocks are whole, groups a power of two, and no scale is negative (Q4_K's are unsigned)."""
        size = self.group_size
        return (
            self.shape[1] % _SUPER == 0
            and size >= _RUN
            and size & (size - 1) == 0
            and bool((self.groups.scales >= 0).all())
        )


def _is_f16(scales: NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        return bool((scales.astype(np.float16).astype(np.float32) == scales).all())
