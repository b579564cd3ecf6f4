"""The names that `--type` and `--tensor-type` accept, and their meaning in a GGUF file.

A *file type* (llama.cpp's "ftype") names a whole file: a base type and, for most, rules that give some tensors more
bits. A *tensor type* names the encoding of one tensor. `Q4_K_M` is a file type whose base tensor type is `Q4_K`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gguf.constants import GGML_QUANT_SIZES, LlamaFileType
from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError

FLOAT_TYPES = {"f32": GGMLType.F32, "f16": GGMLType.F16, "bf16": GGMLType.BF16}


@dataclass(frozen=True)
class FileType:
    """A file type.

    Attributes:
        name: such as `Q4_K_M`.
        number: llama.cpp's number for it, stored as `general.file_type`.
        base: the type of every matrix without a rule.
    """

    name: str
    number: int
    base: GGMLType

    @property
    def quantized(self) -> bool:
        """True for block types, False for F32, F16 and BF16."""
        return self.base not in FLOAT_TYPES.values()


def _file_types() -> dict[str, FileType]:
    bases = {"F32": GGMLType.F32, "Q3_K_M": GGMLType.Q3_K, "Q3_K_L": GGMLType.Q3_K, "Q2_K_S": GGMLType.Q2_K}
    for bits in (3, 4, 5):
        bases[f"Q{bits}_K_S"] = bases[f"Q{bits}_K_M"] = GGMLType[f"Q{bits}_K"]
    plain = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
    bases |= {name: GGMLType[name] for name in plain}
    table = {}
    for name, base in bases.items():
        number = LlamaFileType.ALL_F32 if name == "F32" else LlamaFileType[f"MOSTLY_{name}"]
        table[name.lower()] = FileType(name, int(number), base)
    return table


FILE_TYPES = _file_types()

_ALIASES = {"q3_k": "q3_k_m", "q4_k": "q4_k_m", "q5_k": "q5_k_m", "fp32": "f32", "fp16": "f16"}


def file_type(name: str) -> FileType:
    """The file type called `name`, in any case; `q4_k` means `q4_k_m` as in llama.cpp. Raises KnownError."""
    key = name.strip().lower().replace("-", "_")
    known = FILE_TYPES.get(_ALIASES.get(key, key))
    if known is None:
        raise KnownError(
            "unknown_type",
            f"There is no file type “{name}”.",
            f"Known types: {', '.join(sorted(FILE_TYPES))}.",
            type=name,
        )
    return known


def tensor_type(name: str) -> GGMLType:
    """The tensor type called `name`, such as `q6_k`, in any case. Raises KnownError."""
    key = name.strip().upper()
    known = tensor_type_names()
    if key not in known:
        advice = f"Known types: {', '.join(sorted(known)).lower()}."
        if key.lower() in FILE_TYPES or key.lower() in _ALIASES:
            advice = f"{key} names a whole file; a tensor has one type. {advice}"
        raise KnownError("unknown_type", f"There is no tensor type “{name}”.", advice, type=name)
    return GGMLType[key]


def tensor_type_names() -> set[str]:
    """Every tensor type that ggml can write from floats."""
    return {entry.base.name for entry in FILE_TYPES.values()} | _RARE


# Only by --tensor-type: types that no file type uses.
_RARE = {"TQ1_0", "TQ2_0", "MXFP4", "IQ3_S", "IQ3_XXS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_S", "IQ1_M"}


def block_size(kind: GGMLType) -> int:
    """Weights per block; a row must be a multiple of it."""
    return int(GGML_QUANT_SIZES[kind][0])


def row_bytes(kind: GGMLType, row_length: int) -> int:
    """Bytes of one row of `row_length` weights, which must be a multiple of the block size."""
    weights, size = GGML_QUANT_SIZES[kind]
    if row_length % weights:
        raise ValueError(f"a row of {row_length} does not divide into blocks of {weights} ({kind.name})")
    return int(row_length // weights * size)


def is_matrix(shape: Sequence[int]) -> bool:
    """True for two dimensions or more; as in ggml, leading ones do not count."""
    return any(n > 1 for n in shape[:-1])


# Norms, expert gates and positions: they are small, and an error in them affects everything that follows.
_UNQUANTIZED = ("_norm.weight", "ffn_gate_inp.weight", "position_embd.weight", "token_types.weight")


def may_quantize(name: str, shape: Sequence[int]) -> bool:
    """False for the tensors that stay F32 in any file: vectors, biases, norms and a few small matrices."""
    return is_matrix(shape) and name.endswith("weight") and not any(part in name for part in _UNQUANTIZED)
