"""Where the rows of a tensor come from: the seam between reading, arranging and writing.

A checkpoint tensor, a GPTQ tensor, a LoRA-merged tensor and every rearrangement of them (permuted, joined, padded rows)
is a `RowSource`: a matrix `[out_features, in_features]` that hands out runs of rows on demand, so that nothing the size
of a model is ever in memory. One-dimensional tensors are one row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
from gguf.constants import GGMLQuantizationType
from numpy.typing import NDArray

FloatName = Literal["f32", "f16", "bf16"]
PackedExactness = Literal["exact", "near-exact"]


class RowSource(ABC):
    """Rows of a tensor, read lazily and from any thread.

    Attributes:
        name: the tensor's name in its checkpoint, for error messages.
        shape: numpy order, `[out_features, in_features]` or `[n]`.
        dtype: the precision the values were stored in.
        packed_type: a GGUF block type that holds these values bit for bit (a GPTQ tensor), None for plain floats.
        packed_exactness: how true those blocks are: `exact`, or `near-exact`, within a fraction of a quantization step.
        was_quantized: the values are quantized ones already (GPTQ); `steps` tells the distance between neighbours.
        is_computed: the values come out of floating-point sums (merged adapters), whose last bit may differ from one
            reading to the next.
    """

    name: str
    shape: tuple[int, ...]
    dtype: FloatName
    packed_type: GGMLQuantizationType | None = None
    packed_exactness: PackedExactness = "exact"
    was_quantized: bool = False
    is_computed: bool = False

    @property
    def n_rows(self) -> int:
        """Number of rows; 1 for a vector."""
        return int(np.prod(self.shape[:-1], dtype=np.int64)) if len(self.shape) > 1 else 1

    @property
    def row_length(self) -> int:
        """Values per row."""
        return self.shape[-1]

    @abstractmethod
    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Rows `start:stop` as stored, `[stop - start, row_length]`: float32, float16, or bfloat16 bits in uint16."""

    def float_rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """The same rows as float32, exactly (every stored float fits)."""
        rows = self.rows(start, stop)
        if self.dtype == "bf16":
            return (rows.astype(np.uint32) << 16).view(np.float32)
        return rows.astype(np.float32, copy=False)

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Rows `start:stop` as blocks of `packed_type`, `[stop - start, bytes per row]`. Only where there is one."""
        raise TypeError(f"{self.name} has no packed form to take rows {start}:{stop} of")

    def steps(self, start: int, stop: int) -> NDArray[np.float32]:
        """The quantization step of every weight of rows `start:stop`. Only where `was_quantized`."""
        raise TypeError(f"{self.name} was not quantized, so rows {start}:{stop} have no steps")

    def release(self) -> None:  # noqa: B027  # nothing is held by default
        """Let go of what is held to read rows faster; called when all rows were read. Reading again still works."""

    def take(self, index: NDArray[np.intp]) -> RowSource | None:
        """The rows in the order of `index` when the source can do that better than by reading row by row."""
        del index
        return None
