"""The plan of a GGUF file: every tensor's type, size, place in the file, and exactness.

Everything about the output is known before the first weight is read: `--dry-run` prints this plan, the writer follows
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf.imatrix import Imatrix
from belle.gguf.types import FLOAT_TYPES, FileType, block_size, row_bytes
from belle.gguf.writer import TensorInfo, padded
from convert.plan.mixture import MatrixRole, ModelFacts, TypeRequests, choose_types, needs_imatrix, role_of
from convert.rows.source import RowSource

PackedMode = Literal["exact", "requantize"]
Exactness = Literal[
    "exact", "near-exact", "rounded to f16", "rounded to bf16", "quantized", "requantized", "calibrated"
]


class Named(Protocol):
    """A tensor with its name in the GGUF file."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> RowSource: ...


@dataclass(frozen=True)
class TensorPlan:
    """One tensor of the output.

    Attributes:
        name: its GGUF name.
        shape: numpy order; the file stores it reversed.
        source: where its rows come from.
        type: its encoding in the file.
        exactness: what happens to its values. `near-exact`: GPTQ's codes are moved, but the type holds their scales
            only approximately; `requantized`: values that GPTQ had quantized are quantized a second time; `calibrated`:
            rounded for the least error of the layer's output, so that single weights may have larger errors.
        n_bytes: its size without padding.
        offset: from the start of the data section, in bytes.
        packed: the source's own blocks are copied.
        importance: weight of every column for the quantizer, `[columns]`, or None.
        round_first: values are rounded to f16 before they are quantized, as in an F16 file.
    """

    name: str
    shape: tuple[int, ...]
    source: RowSource
    type: GGMLType
    exactness: Exactness
    n_bytes: int
    offset: int
    packed: bool = False
    importance: NDArray[np.float32] | None = None
    round_first: bool = True

    @property
    def info(self) -> TensorInfo:
        """Its entry in the table of tensors."""
        return TensorInfo(self.name, self.shape, self.type, self.offset)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in the file."""
        return row_bytes(self.type, self.shape[-1])

    @property
    def n_weights(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))


def data_size(plans: Iterable[TensorPlan]) -> int:
    """Bytes of the data section."""
    return sum(padded(plan.n_bytes) for plan in plans)


def exactness_of(source: RowSource, kind: GGMLType) -> Exactness:
    """The exactness of the floats of `source` written as `kind`."""
    if kind not in FLOAT_TYPES.values():
        return "requantized" if source.was_quantized else "quantized"
    if kind is GGMLType.F32 or kind is FLOAT_TYPES[source.dtype]:
        return "exact"
    return "rounded to f16" if kind is GGMLType.F16 else "rounded to bf16"


def plan_types(
    tensors: Iterable[Named],
    facts: ModelFacts,
    kind: FileType,
    *,
    imatrix: Imatrix | None = None,
    requests: TypeRequests | None = None,
    packed: PackedMode = "exact",
    round_first: bool = True,
) -> list[TensorPlan]:
    """Choose types and lay out the data section.

    Args:
        tensors: in the order of the file.
        facts: the model's shape, for the rules.
        kind: the file type.
        imatrix: importance of the columns of each matrix.
        requests: types by tensor name.
        packed: whether sources that have blocks already (GPTQ) keep them or are quantized again.
        round_first: round to F16 before quantizing (as llama.cpp does) instead of using the checkpoint's precision.

    Raises:
        KnownError: for a type whose blocks do not divide a tensor's rows, and an importance matrix that is missing or
            does not fit.
    """
    named = list(tensors)
    types = choose_types(
        {tensor.name: tensor.source.shape for tensor in named},
        kind,
        facts,
        has_imatrix=imatrix is not None,
        requests=requests,
    )
    plans, offset = [], 0
    for tensor in named:
        source, target, importance = tensor.source, types[tensor.name], None
        keep = packed == "exact" and source.packed_type is not None
        if keep and source.packed_type is not None:
            target = source.packed_type
        elif target not in FLOAT_TYPES.values():
            _check_rows(tensor.name, source.row_length, target)
            importance = _importance(tensor.name, source.row_length, imatrix)
            if importance is None and needs_imatrix(tensor.name, target, kind):
                raise KnownError(
                    "imatrix_needed",
                    f"{tensor.name} as {target.name} in a {kind.name} file is useless without an importance matrix.",
                    "Give one with --imatrix, or choose a larger type.",
                    tensor=tensor.name,
                    type=target.name,
                )
        n_bytes = source.n_rows * row_bytes(target, source.row_length)
        exactness = source.packed_exactness if keep else exactness_of(source, target)
        plans.append(
            TensorPlan(
                tensor.name, source.shape, source, target, exactness, n_bytes, offset, keep, importance, round_first
            )
        )
        offset += padded(n_bytes)
    return plans


def _check_rows(name: str, row_length: int, kind: GGMLType) -> None:
    if row_length % block_size(kind):
        raise KnownError(
            "type_does_not_fit",
            f"{name} has rows of {row_length} values, not a multiple of the block of {kind.name}, {block_size(kind)}.",
            "Ask for another type for this tensor.",
            tensor=name,
            type=kind.name,
            row_length=row_length,
        )


def _importance(name: str, row_length: int, imatrix: Imatrix | None) -> NDArray[np.float32] | None:
    values = imatrix.weights.get(name) if imatrix else None
    if values is None or values.size == row_length:
        return values
    if role_of(name) is MatrixRole.EMBEDDINGS:
        return None  # embeddings are looked up, not multiplied: an entry of that name was measured for another matrix
    raise KnownError(
        "imatrix_mismatch",
        f"The importance matrix has {values.size} columns for {name}, which has {row_length}.",
        "It was made for another model.",
        tensor=name,
    )


def size_by_type(plans: Iterable[TensorPlan]) -> Mapping[GGMLType, int]:
    """Bytes of all tensors of each type."""
    sizes: dict[GGMLType, int] = {}
    for plan in plans:
        sizes[plan.type] = sizes.get(plan.type, 0) + plan.n_bytes
    return sizes
