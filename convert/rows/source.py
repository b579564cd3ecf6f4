"""`RowSource`: the interface between reading, arranging and writing tensors.

A checkpoint tensor, a GPTQ layer, a weight with a LoRA adapter merged and every rearrangement of them is a `RowSource`:
a matrix `[out_features, in_features]` that returns runs of rows on demand, so that nothing of the size of a model is
ever in memory. One-dimensional tensors are one row.
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
        dtype: the precision that the values are stored in.
        packed_type: a GGUF block type that holds the values (of a GPTQ layer); None for plain floats.
        packed_exactness: of those blocks: `exact`, or `near-exact`, within a fraction of a quantization step.
        was_quantized: whether the values are quantized already (GPTQ); `steps` returns the distance between codes.
        is_computed: whether the values are floating-point sums (merged adapters), whose last bit may differ from one
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
        if self.dtype == "bf16":  # the upper half of a float32
            return (rows.astype(np.uint32) << 16).view(np.float32)
        return rows.astype(np.float32, copy=False)

    def packed_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Rows `start:stop` as blocks of `packed_type`, `[stop - start, bytes per row]`. Only if there is one."""
        raise TypeError(f"{self.name} has no packed form to take rows {start}:{stop} of")

    def steps(self, start: int, stop: int) -> NDArray[np.float32]:
        """The quantization step of every weight, `[stop - start, row_length]`. Only if `was_quantized`."""
        raise TypeError(f"{self.name} was not quantized, so rows {start}:{stop} have no steps")

    def release(self) -> None:  # noqa: B027  # nothing is held by default
        """Free what is cached for reading rows; called when all rows are read. Reading again still works."""

    def take(self, index: NDArray[np.intp]) -> RowSource | None:
        """The rows in the order of `index`, if the source has a better way than reading row by row; else None."""
        del index
        return None
