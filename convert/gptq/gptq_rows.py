"""A GPTQ or AWQ layer as rows of weights: reads codes, scales and zeros as those formats pack them.

The tensors stay on disk until rows are asked for; the packed codes of one layer (a few dozen MB for a 7B model) are in
memory while it is converted.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

import numpy as np
from gguf.constants import GGMLQuantizationType
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.gptq import blocks, word_packing
from convert.gptq.layout import Module, zeros_of
from convert.gptq.quantized_rows import GroupQuantizedRows, Groups, Mode


class GPTQRows(GroupQuantizedRows):
    """The weight of one quantized layer, `[out_features, in_features]`.

    Args:
        module: the layer's layout.
        tensors: of the checkpoint by name, each with `.array()`: `qweight`, `qzeros`, `scales` and perhaps `g_idx`.
        version, wordwise: how the zeros are stored (`convert.gptq.layout`).
        mode: see `GroupQuantizedRows`.
        columns: a permutation of the input columns, for act-order layers whose inputs are permuted alike.
    """

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
        self.module = module
        self._tensors = tensors
        self._version: Literal[1, 2] = version
        self._wordwise = wordwise
        self._mode: Mode = mode
        self._columns = columns
        self._lock = threading.Lock()
        self._qweight: NDArray[np.int32] | None = None
        super().__init__(
            module.name + ".weight",
            module.shape,
            bits=module.bits,
            group_size=module.group_size,
            groups=self._read_groups(version, wordwise),
            mode=mode,
        )

    def release(self) -> None:
        """Drop the packed codes; they are read again if more rows are asked for."""
        with self._lock:
            self._qweight = None

    def with_columns(self, columns: NDArray[np.intp]) -> GPTQRows:
        """The same layer for an input whose features come in the order of `columns`."""
        return GPTQRows(
            self.module, self._tensors, version=self._version, wordwise=self._wordwise, mode=self._mode, columns=columns
        )

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The rows as blocks of `packed_type`."""
        if not self._are_q4_0_already:
            return super().packed_rows(start, stop)
        scales = self.groups.scales[self.groups.g_idx[:: blocks.RUN], start:stop].T
        return blocks.q4_0_of_pairs(word_packing.row_pairs(self._words()[:, start:stop]), scales.astype(np.float16))

    def row_codes(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The codes of rows `start:stop`, `[stop - start, in_features]`."""
        words = self._words()
        if self.module.method == "awq":
            # A word of AWQ holds the codes of eight rows: unpack whole words, then cut out the rows.
            first, last = start // 8, -(-stop // 8)
            codes = word_packing.unpack_awq(np.ascontiguousarray(words[:, first:last]))  # [in, 8 * (last - first)]
            q = codes[:, start - 8 * first : stop - 8 * first]
        elif self.module.bits == 4:
            rows = word_packing.unpack_pairs(word_packing.row_pairs(words[:, start:stop]))
            return rows if self._columns is None else rows[:, self._columns]
        else:
            q = word_packing.unpack(np.ascontiguousarray(words[:, start:stop]), self.module.bits)
        rows = np.ascontiguousarray(q.T)  # [stop - start, in_features]
        return rows if self._columns is None else rows[:, self._columns]

    def _read_groups(self, version: Literal[1, 2], wordwise: bool) -> Groups:
        module = self.module
        scales = np.asarray(self._tensors[module.name + ".scales"].array())
        if scales.dtype == np.uint16:  # bfloat16: the upper half of a float32
            scales = (scales.astype(np.uint32) << 16).view(np.float32)
        scales = scales.astype(np.float32)
        if not np.isfinite(scales).all():
            raise KnownError(
                "not_finite", f"{module.name}.scales holds NaN or infinity.", tensor=module.name + ".scales"
            )
        words = _words(self._tensors[module.name + ".qzeros"].array())
        if module.method == "awq":
            zeros = word_packing.unpack_awq(words).astype(np.uint16)
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
        """Whether the codes are those of Q4_0 in another order: 4-bit codes fit −8 … 7 only if all zeros are 8."""
        plain = self.module.bits == 4 and self.module.method != "awq" and self._columns is None
        return plain and self.packed_type is GGMLQuantizationType.Q4_0

    def _words(self) -> NDArray[np.int32]:
        """The packed codes: `[in * bits / 32, out]` for GPTQ, `[in, out / 8]` for AWQ."""
        with self._lock:
            if self._qweight is None:
                self._qweight = _words(self._tensors[self.module.name + ".qweight"].array())
        return self._qweight


def _words(array: NDArray[Any]) -> NDArray[np.int32]:
    return np.ascontiguousarray(array).view(np.int32)
