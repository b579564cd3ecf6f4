"""The types of a Whisper file: one for every matrix, since whisper.cpp expects it so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError
from belle.gguf.types import FileType, block_size, row_bytes
from convert.architectures import NamedTensor
from convert.plan.plan import TensorPlan, exactness_of
from convert.whisper.frame import tensor_header

# ggml's numbers of file types (`enum ggml_ftype`), which are not llama.cpp's.
_NUMBERS = {
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q8_0": 7,
    "Q5_0": 8,
    "Q5_1": 9,
    "Q2_K": 10,
    "Q3_K": 11,
    "Q4_K": 12,
    "Q5_K": 13,
    "Q6_K": 14,
    "IQ4_NL": 19,
    "IQ4_XS": 22,
}
_QUANTIZED = 2000  # 1000 · version 2 of ggml's blocks
_ALIASES = {"FP16": "F16", "FP32": "F32"}
_POSITIONS = "positional_embedding"
_CONVOLUTIONS = ("encoder.conv1.weight", "encoder.conv2.weight")


def whisper_type(name: str) -> FileType:
    """The file type called `name`, such as `q5_0`, in any case. Raises KnownError("unknown_type")."""
    key = name.strip().upper().replace("-", "_")
    key = _ALIASES.get(key, key)
    if key in _NUMBERS:
        number = _NUMBERS[key]
        return FileType(key, number if key == "F16" else _QUANTIZED + number, GGMLType[key])
    known = ", ".join(_NUMBERS).lower()
    if key in ("F32", "BF16"):
        raise KnownError(
            "unknown_type",
            f"A Whisper file of type {key.lower()} is of no use: whisper.cpp breaks off when it computes with one.",
            f"Types for Whisper: {known}.",
            type=name,
        )
    if key[:-2] in _NUMBERS and key.endswith(("_S", "_M", "_L")):
        raise KnownError(
            "unknown_type",
            f"{name} is a mixture of types, and in a Whisper file all matrices have the same.",
            f"Take {key[:-2].lower()}. Types for Whisper: {known}.",
            type=name,
        )
    raise KnownError("unknown_type", f"There is no type “{name}” for Whisper.", f"Known types: {known}.", type=name)


def check_width(kind: FileType, width: int) -> None:
    """Raise KnownError("type_does_not_fit") for a type whose blocks do not divide rows of `width` and its multiples."""
    block = block_size(kind.base)
    if width % block:
        smaller = [name for name in _NUMBERS if width % block_size(GGMLType[name]) == 0]
        raise KnownError(
            "type_does_not_fit",
            f"{kind.name.lower()} keeps {block} weights together, and the rows of this Whisper have {width}, which is "
            f"not a multiple of that.",
            f"Types that fit: {', '.join(smaller).lower()}.",
            type=kind.name,
        )


def type_of(name: str, shape: Sequence[int], kind: FileType) -> GGMLType:
    """What whisper.cpp expects: F32 for vectors, columns and positions, F16 for convolutions, else `kind`."""
    if len(shape) < 2 or name.endswith((".bias", _POSITIONS)):
        return GGMLType.F32
    return GGMLType.F16 if name in _CONVOLUTIONS else kind.base


def plan_tensors(tensors: Iterable[NamedTensor], kind: FileType, start: int, *, round_first: bool) -> list[TensorPlan]:
    """Choose types and lay out the tensors, each behind its own header, from byte `start` of the file on."""
    plans, offset = [], start
    for tensor in tensors:
        source = tensor.source
        target = type_of(tensor.name, source.shape, kind)
        n_bytes = source.n_rows * row_bytes(target, source.row_length)
        offset += len(tensor_header(tensor.name, source.shape, target))
        exactness = exactness_of(source, target)
        plans.append(
            TensorPlan(tensor.name, source.shape, source, target, exactness, n_bytes, offset, round_first=round_first)
        )
        offset += n_bytes
    return plans
