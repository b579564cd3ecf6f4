"""Tiny random models for the tests of architectures, and the two engines they are compared in."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGUFValueType

from convert.architectures import NamedTensor, architecture_of
from convert.metadata import KeyValue
from convert.rows.source import RowSource


class MemorySource(RowSource):
    """A tensor in memory, as a checkpoint reader would hand it out; notes which rows are read."""

    def __init__(self, name: str, values: np.ndarray, dtype: str | None = None) -> None:
        self.name = name
        self.values = values
        self.shape = values.shape
        self.dtype = dtype or {"float32": "f32", "float16": "f16", "uint16": "bf16"}[values.dtype.name]
        self.reads: list[tuple[int, int]] = []

    def rows(self, start: int, stop: int) -> np.ndarray:
        self.reads.append((start, stop))
        return self.values.reshape(-1, self.values.shape[-1])[start:stop]


def sources_of(model: Any) -> dict[str, RowSource]:
    """The tensors of a transformers model under their checkpoint names, without the head it ties."""
    import torch

    result: dict[str, RowSource] = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        if tensor.dtype is torch.bfloat16:
            result[name] = MemorySource(name, tensor.view(torch.int16).numpy().view(np.uint16), "bf16")
        else:
            result[name] = MemorySource(name, tensor.numpy())
    return result


def write_gguf(
    path: Path, architecture: str, entries: Sequence[KeyValue], tensors: Sequence[NamedTensor], matrices: str = "f32"
) -> Path:
    """Writes with gguf-py, which is independent of the code under test."""
    writer = gguf.GGUFWriter(path, architecture)
    for entry in entries:
        if isinstance(entry.value, list):
            writer.add_key_value(entry.key, entry.value, GGUFValueType.ARRAY, entry.type)
        else:
            writer.add_key_value(entry.key, entry.value, entry.type)
    for tensor in tensors:
        values = tensor.source.float_rows(0, tensor.source.n_rows).reshape(tensor.source.shape)
        if matrices == "f16" and values.ndim > 1:
            values = values.astype(np.float16)
        writer.add_tensor(tensor.name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def convert_model(model: Any, path: Path, matrices: str = "f32") -> Path:
    """A transformers model as a GGUF without a vocabulary."""
    config = {**model.config.to_dict(), "architectures": [type(model).__name__]}
    architecture = architecture_of(config)
    tensors = architecture.plan(sources_of(model), config)
    size_key = f"{architecture.name}.vocab_size"
    entries = [entry for entry in architecture.metadata(config) if entry.key != size_key]
    entries.append(KeyValue("tokenizer.ggml.model", "none", GGUFValueType.STRING))
    entries.append(KeyValue(size_key, config["vocab_size"], GGUFValueType.UINT32))
    return write_gguf(path, architecture.name, entries, tensors, matrices)


def llama_logits(path: Path, ids: Sequence[int], adapter: Path | None = None) -> np.ndarray:
    """Logits of every position from llama.cpp with a float32 cache, `[n_tokens, n_vocab]`; with a LoRA adapter."""
    import llama_cpp

    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    assert model, f"llama.cpp does not load {path}"
    context_params = llama_cpp.llama_context_default_params()
    context_params.n_ctx = context_params.n_batch = context_params.n_ubatch = 512
    context_params.n_threads = context_params.n_threads_batch = 2
    context_params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context_params.type_k = context_params.type_v = llama_cpp.GGML_TYPE_F32
    context = llama_cpp.llama_init_from_model(model, context_params)
    if adapter is not None:
        loaded = llama_cpp.llama_adapter_lora_init(model, str(adapter).encode())
        assert loaded, f"llama.cpp does not load {adapter}"
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(
            ctypes.cast(loaded, llama_cpp.llama_adapter_lora_p_ctypes)
        )
        assert llama_cpp.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0)) == 0
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    try:
        batch.n_tokens = len(ids)
        for position, token in enumerate(ids):
            batch.token[position] = token
            batch.pos[position] = position
            batch.n_seq_id[position] = 1
            batch.seq_id[position][0] = 0
            batch.logits[position] = 1
        assert llama_cpp.llama_decode(context, batch) == 0
        n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        row = ctypes.c_float * n_vocab
        return np.stack(
            [np.array(row.from_address(ctypes.addressof(llama_cpp.llama_get_logits_ith(context, i).contents)))
             for i in range(len(ids))]
        )  # fmt: skip
    finally:
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)


def kl_divergence(reference: np.ndarray, other: np.ndarray) -> float:
    """Mean KL divergence of the next-token distributions, in nats."""

    def log_softmax(x: np.ndarray) -> np.ndarray:
        x = x.astype(np.float64)
        x = x - x.max(axis=-1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

    p, q = log_softmax(reference), log_softmax(other)
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())
