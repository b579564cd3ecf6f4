"""Chooses the type of each tensor by llama.cpp's rules, which spend more bits where a model is sensitive.

`Q4_K_M` is not one type: half of the attention values and of the feed-forward outputs get Q6_K, so does the output
matrix, and matrices whose rows do not divide into blocks of 256 fall back to another type. The rules (llama-quant.cpp)
use a tensor's role, how many of its kind come before it, and the shape of the model. Files made here are equal, tensor
by tensor, to what `llama_model_quantize` makes of our F16 file; the tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.gguf.types import FileType, block_size, may_quantize

T = GGMLType


@dataclass(frozen=True)
class ModelFacts:
    """The properties of a model that the rules use.

    Attributes:
        architecture: `general.architecture`, such as `llama`.
        n_layers: number of transformer blocks.
        n_head, n_head_kv: attention heads and key-value heads of the first block.
    """

    architecture: str
    n_layers: int
    n_head: int
    n_head_kv: int

    @classmethod
    def from_metadata(cls, values: Mapping[str, Any]) -> ModelFacts:
        """From GGUF metadata, key to value."""
        architecture = str(values["general.architecture"])

        def first(key: str, default: int) -> int:
            value = values.get(f"{architecture}.{key}", default)
            return int(value[0] if isinstance(value, Sequence) else value)

        n_head = first("attention.head_count", 0)
        return cls(architecture, first("block_count", 0), n_head, first("attention.head_count_kv", n_head))

    @property
    def shared_heads(self) -> int:
        """Attention heads per key-value head; 0 for a model without attention."""
        return self.n_head // self.n_head_kv if self.n_head_kv else 0

    @property
    def is_70b(self) -> bool:
        """Whether llama.cpp calls the model 70B: its value matrices have an eighth of the usual size."""
        if self.architecture == "llama":
            return self.n_layers == 80 and self.n_head != self.n_head_kv
        return self.architecture in ("qwen2", "olmo") and self.n_layers == 80


@dataclass(frozen=True)
class TypeRequests:
    """Types that the user requests beyond the file type.

    Attributes:
        tensors: `(regular expression, type)`, searched in a tensor's name in order, upper and lower case alike.
        output: type of the output matrix (and of embeddings that serve as one).
        embeddings: type of the token embeddings.
        pure: give every matrix the base type.
    """

    tensors: tuple[tuple[re.Pattern[str], GGMLType], ...] = ()
    output: GGMLType | None = None
    embeddings: GGMLType | None = None
    pure: bool = False


class MatrixRole(Enum):
    """What a matrix does in a model, as far as the rules tell matrices apart."""

    OUTPUT = auto()
    EMBEDDINGS = auto()
    ATTENTION_VALUE = auto()
    ATTENTION_OUTPUT = auto()
    FFN_DOWN = auto()
    OTHER = auto()


def role_of(name: str) -> MatrixRole:
    """The role of the tensor called `name`. A fused query-key-value matrix counts as a value matrix."""
    if name == "output.weight":
        return MatrixRole.OUTPUT
    if name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return MatrixRole.EMBEDDINGS
    if any(part in name for part in ("attn_qkv.weight", "attn_kv_b.weight", "attn_v.weight")):
        return MatrixRole.ATTENTION_VALUE
    if "attn_output.weight" in name:
        return MatrixRole.ATTENTION_OUTPUT
    return MatrixRole.FFN_DOWN if "ffn_down" in name else MatrixRole.OTHER


# Types with blocks of 256 weights, and what replaces them if the row length is not a multiple of 256.
_FALLBACK = {
    T.Q2_K: T.Q4_0,
    T.Q3_K: T.Q4_0,
    T.Q4_K: T.Q5_0,
    T.Q5_K: T.Q5_1,
    T.Q6_K: T.Q8_0,
    T.TQ1_0: T.Q4_0,
    T.TQ2_0: T.Q4_0,
}


def fit(kind: GGMLType, row_length: int) -> GGMLType:
    """`kind`, or llama.cpp's substitute if rows are not whole blocks of it; at worst F16."""
    if row_length % block_size(kind) == 0:
        return kind
    instead = T.IQ4_NL if kind.name.startswith("IQ") else _FALLBACK.get(kind, kind)
    return instead if row_length % block_size(instead) == 0 else T.F16


def more_bits(index: int, count: int) -> bool:
    """Whether it is in the first or last eighth of the layers, or every third one between (`use_more_bits`)."""
    eighth = count // 8
    return index < eighth or index >= 7 * count // 8 or (index - eighth) % 3 == 2


@dataclass
class _Mixture:
    """The rules of one file type for one model. They count tensors, so these must come in llama.cpp's order."""

    kind: FileType
    facts: ModelFacts
    requests: TypeRequests
    has_imatrix: bool
    tied: bool
    n_values: int
    counts: dict[MatrixRole, int] = field(default_factory=dict)

    def type_of(self, name: str, shape: Sequence[int]) -> GGMLType:
        """The type of a tensor that may be quantized."""
        role = role_of(name)
        if role is MatrixRole.EMBEDDINGS and self.requests.embeddings is not None:
            return self.requests.embeddings
        if role is MatrixRole.OUTPUT and self.requests.output is not None:
            return self.requests.output
        requested = next((kind for pattern, kind in self.requests.tensors if pattern.search(name)), None)
        if requested is not None:
            chosen = requested
        elif self.kind.quantized and not self.requests.pure:
            chosen = self._by_role(role, shape)
        else:
            chosen = self.kind.base
        return fit(chosen, shape[-1])

    def _by_role(self, role: MatrixRole, shape: Sequence[int]) -> GGMLType:
        if role is MatrixRole.OUTPUT or (role is MatrixRole.EMBEDDINGS and self.tied):
            return self.requests.output or self._output(shape[-1])
        if role in (MatrixRole.EMBEDDINGS, MatrixRole.OTHER):
            return self.kind.base
        index = self.counts.get(role, 0)
        self.counts[role] = index + 1
        if role is MatrixRole.ATTENTION_OUTPUT:
            better = {"Q2_K": T.Q3_K, "Q3_K_M": T.Q4_K, "Q3_K_L": T.Q5_K}.get(self.kind.name)
        elif role is MatrixRole.FFN_DOWN:
            better = self._ffn_down(index)
        else:
            better = self._attention_value(index)
        return better or self.kind.base

    def _output(self, row_length: int) -> GGMLType:
        fits = row_length % block_size(self.kind.base) == 0
        return T.Q6_K if fits and self.kind.base is not T.Q8_0 else T.Q8_0

    def _attention_value(self, index: int) -> GGMLType | None:
        many_share = self.facts.shared_heads >= 4
        better: GGMLType | None = None
        match self.kind.name:
            case "Q2_K":
                better = T.Q4_K if many_share else T.Q3_K
            case "Q2_K_S" if many_share:
                better = T.Q4_K
            case "Q3_K_M":
                better = T.Q5_K if index < 2 else T.Q4_K
            case "Q3_K_L":
                better = T.Q5_K
            case "IQ4_NL" | "IQ4_XS" if many_share:
                better = T.Q5_K
            case "Q4_K_M" | "Q5_K_M" if more_bits(index, self.n_values):
                better = T.Q6_K
            case "Q4_K_S" if index < 4:
                better = T.Q5_K
        if self.facts.is_70b and (better or self.kind.base) in (T.Q3_K, T.Q4_K):
            return T.Q5_K
        return better

    def _ffn_down(self, index: int) -> GGMLType | None:
        layers = self.facts.n_layers
        first_eighth = index < layers // 8
        better: GGMLType | None = None
        match self.kind.name:
            case "Q2_K":
                better = T.Q3_K
            case "Q2_K_S" if first_eighth:
                better = T.Q4_K
            case "Q3_K_M":
                better = T.Q5_K if index < layers // 16 else T.Q4_K
            case "Q3_K_L":
                better = T.Q5_K
            case "Q4_K_M" | "Q5_K_M" if more_bits(index, layers):
                better = T.Q6_K
            case "Q4_K_S" if first_eighth:
                better = T.Q5_K
            case "IQ4_NL" | "IQ4_XS" if first_eighth and not self.has_imatrix:
                better = T.Q5_K
            case "Q4_0" if first_eighth and self.has_imatrix:
                better = T.Q4_1
            case "Q5_0" if first_eighth and self.has_imatrix:
                better = T.Q5_1
        return better


def _rank(name: str) -> tuple[int, bytes]:
    """The sort key of llama.cpp's order: tensors outside the blocks, then block by block, by name within each."""
    block = re.match(r"blk\.(\d+)\.", name)
    return (int(block[1]) if block else -1, name.encode())


def choose_types(
    shapes: Mapping[str, Sequence[int]],
    kind: FileType,
    facts: ModelFacts,
    *,
    has_imatrix: bool = False,
    requests: TypeRequests | None = None,
) -> dict[str, GGMLType]:
    """The type of every tensor.

    Args:
        shapes: numpy-order shape by GGUF name.
        kind: the file type.
        facts: the model's shape.
        has_imatrix: whether an importance matrix is given, which changes some rules.
        requests: types by name; they are followed for F16 and F32 files, too, where llama.cpp ignores them.
    """
    mixture = _Mixture(
        kind,
        facts,
        requests or TypeRequests(),
        has_imatrix,
        tied="output.weight" not in shapes,
        n_values=sum(role_of(name) is MatrixRole.ATTENTION_VALUE for name in shapes),
    )
    return {
        name: mixture.type_of(name, shapes[name]) if may_quantize(name, shapes[name]) else T.F32
        for name in sorted(shapes, key=_rank)
    }


def needs_imatrix(name: str, kind: GGMLType, file_kind: FileType) -> bool:
    """Whether llama.cpp refuses this type without an importance matrix, because the result would be useless."""
    if role_of(name) in (MatrixRole.EMBEDDINGS, MatrixRole.OUTPUT):
        return False
    if kind is T.Q2_K:
        return file_kind.name == "Q2_K_S"
    return kind in (T.IQ3_XXS, T.IQ2_XXS, T.IQ2_XS, T.IQ2_S, T.IQ1_M, T.IQ1_S)
