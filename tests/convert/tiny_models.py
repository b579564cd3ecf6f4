"""Small models in memory for the tests of quantizing and writing, and llama.cpp's own quantizer to compare with.

`llama_model_quantize` reads the head of a file and quantizes tensor by tensor without looking at how many rows each
has, so most models here have the right names and row lengths but few rows: that makes hundreds of comparisons cheap.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from gguf.constants import GGUFValueType

from belle.gguf.mapped_file import GgufFile
from belle.gguf.types import file_type
from belle.gguf.writer import KeyValue
from convert.output.writer import write_gguf
from convert.plan.mixture import ModelFacts, TypeRequests
from convert.plan.plan import TensorPlan, plan_types
from convert.rows.source import RowSource

TEXT, U32, F32 = GGUFValueType.STRING, GGUFValueType.UINT32, GGUFValueType.FLOAT32


class ArraySource(RowSource):
    """Rows of an array: float32, float16, or bfloat16 bits in uint16."""

    def __init__(self, name: str, values: np.ndarray) -> None:
        self.name, self.values, self.shape = name, values, values.shape
        self.dtype = {"f4": "f32", "f2": "f16", "u2": "bf16"}[values.dtype.str[1:]]

    def rows(self, start: int, stop: int) -> np.ndarray:
        return self.values.reshape(-1, self.shape[-1])[start:stop]


@dataclass(frozen=True)
class Tensor:
    """A source under its GGUF name."""

    name: str
    source: RowSource


@dataclass(frozen=True)
class TinyModel:
    """Tensors and metadata of a model."""

    metadata: list[KeyValue]
    tensors: list[Tensor]

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts.from_metadata({entry.key: entry.value for entry in self.metadata})

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {tensor.name: tensor.source.shape for tensor in self.tensors}


def values(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights as in trained models: mostly small, a few large."""
    return (rng.standard_t(4, shape) * 0.03).astype(np.float32)


def as_dtype(array: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "bf16":
        return (array.view(np.uint32) >> 16).astype(np.uint16)
    return array.astype({"f16": np.float16, "f32": np.float32}[dtype])


def make_model(
    architecture: str = "llama",
    *,
    width: int = 256,
    ffn: int | None = None,
    layers: int = 16,
    heads: int = 8,
    kv_heads: int = 8,
    rows: int = 4,
    tied: bool = False,
    dtype: str = "f16",
    seed: int = 0,
) -> TinyModel:
    """A LLaMA-like or (`bloom`) BLOOM-like model whose matrices have `rows` rows each."""
    rng = np.random.default_rng(seed)
    numbers = {
        "context_length": 64,
        "embedding_length": width,
        "block_count": layers,
        "feed_forward_length": ffn or 2 * width,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
    }
    metadata = [KeyValue("general.architecture", architecture, TEXT)]
    metadata += [KeyValue(f"{architecture}.{key}", value, U32) for key, value in numbers.items()]
    metadata += [KeyValue(f"{architecture}.attention.layer_norm{rms}_epsilon", 1e-5, F32) for rms in ("", "_rms")]
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (3 * rows, width), "output_norm.weight": (width,)}
    if architecture == "bloom":
        block = {"attn_qkv": width, "attn_output": width, "ffn_up": width, "ffn_down": ffn or 2 * width}
        shapes |= {"token_embd_norm.weight": (width,), "token_embd_norm.bias": (width,)}
    else:
        names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up")
        block = dict.fromkeys(names, width) | {"ffn_down": ffn or 2 * width}
    if not tied:
        shapes["output.weight"] = (3 * rows, width)
    for layer in range(layers):
        shapes |= {f"blk.{layer}.{name}.weight": (rows, columns) for name, columns in block.items()}
        shapes[f"blk.{layer}.attn_norm.weight"] = (width,)
        shapes[f"blk.{layer}.ffn_down.bias"] = (rows,)
    tensors = [Tensor(name, ArraySource(name, as_dtype(values(rng, *shape), dtype))) for name, shape in shapes.items()]
    return TinyModel(metadata, tensors)


def importances(model: TinyModel, seed: int = 1) -> dict[str, np.ndarray]:
    """An importance matrix for every tensor with more than one row, as quantizers use it."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.gamma(0.5, 1.0, shape[-1]).astype(np.float32)
        for name, shape in model.shapes().items()
        if len(shape) > 1
    }


def plan(model: TinyModel, type_name: str = "f16", **options) -> list[TensorPlan]:
    return plan_types(model.tensors, model.facts, file_type(type_name), **options)


def write(model: TinyModel, path: Path, type_name: str = "f16", **options) -> Path:
    write_gguf(path, model.metadata, plan(model, type_name, **options), threads=2)
    return path


@llama_cpp.llama_log_callback
def _silent(level, text, data) -> None:
    pass


def quantize_with_llama_cpp(
    source: Path,
    target: Path,
    type_name: str,
    *,
    imatrix: Mapping[str, np.ndarray] | None = None,
    requests: TypeRequests | None = None,
) -> bool:
    """Run llama.cpp's second step; False when it refuses."""
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = file_type(type_name).number
    parameters.nthread = 2
    requests = requests or TypeRequests()
    parameters.pure = requests.pure
    if requests.output is not None:
        parameters.output_tensor_type = int(requests.output)
    if requests.embeddings is not None:
        parameters.token_embedding_type = int(requests.embeddings)
    overrides = _overrides(requests)
    parameters.tt_overrides = ctypes.cast(overrides, type(parameters.tt_overrides)) if requests.tensors else None
    entries = _imatrix_entries(imatrix or {})
    parameters.imatrix = ctypes.cast(entries, type(parameters.imatrix)) if imatrix else None
    return llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(parameters)) == 0


class _Override(ctypes.Structure):
    _fields_ = (("pattern", ctypes.c_char_p), ("type", ctypes.c_int))


class _ImatrixEntry(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t))


def _overrides(requests: TypeRequests) -> ctypes.Array[_Override]:
    rows = [_Override(pattern.pattern.encode(), int(kind)) for pattern, kind in requests.tensors]
    return (_Override * (len(rows) + 1))(*rows, _Override(None, 0))


def _imatrix_entries(imatrix: Mapping[str, np.ndarray]) -> ctypes.Array[_ImatrixEntry]:
    rows = [_ImatrixEntry(name.encode(), array.ctypes.data, array.size) for name, array in imatrix.items()]
    return (_ImatrixEntry * (len(rows) + 1))(*rows, _ImatrixEntry(None, None, 0))


def differences(ours: Path, theirs: Path) -> Sequence[str]:
    """What differs between two GGUF files, tensor by tensor."""
    a, b = GgufFile(ours), GgufFile(theirs)
    if a.tensors.keys() != b.tensors.keys():
        return [f"tensors {a.tensors.keys() ^ b.tensors.keys()}"]
    found = []
    for name, info in a.tensors.items():
        other = b.tensors[name]
        if (info.type, info.shape) != (other.type, other.shape):
            found.append(f"{name}: {info.type.name} {info.shape}, llama.cpp {other.type.name} {other.shape}")
        elif not np.array_equal(a.data(name), b.data(name)):
            found.append(f"{name}: bytes differ")
    return found
