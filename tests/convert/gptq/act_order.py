"""Checkpoints whose layers GPTQ quantized in the order of activations, as AutoGPTQ and GPTQModel save them.

`desc_act` sorts the input columns by how much they matter and makes groups in that order; `g_idx` says for each column,
in the order of the checkpoint, which group it got. Layers that share an input share the order.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from convert.gptq import word_packing
from tests.convert.checkpoint.building import safetensors
from tests.convert.checkpoints import bloom_checkpoint, bloom_shapes, llama_checkpoint, llama_shapes

SHARED = {"k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}
"""Layers that read what another one reads."""


def act_order_llama(
    folder: Path, *, width: int = 256, ffn: int = 512, group: int = 128, bits: int = 4
) -> dict[str, np.ndarray]:
    """A symmetric GPTQ LLaMA of two layers; returns the weights that its codes stand for, by name."""
    llama_checkpoint(folder, width=width, ffn=ffn, layers=2)
    shapes = llama_shapes(width=width, ffn=ffn, layers=2, vocabulary=320, kv_width=width)
    return _quantized(folder, shapes, group, bits)


def act_order_bloom(folder: Path, *, group: int = 128, bits: int = 4) -> dict[str, np.ndarray]:
    """The same of BLOOM."""
    bloom_checkpoint(folder, layers=2)
    return _quantized(folder, bloom_shapes(width=256, layers=2, vocabulary=320), group, bits)


def _quantized(folder: Path, shapes: dict[str, tuple[int, ...]], group: int, bits: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(12)
    tensors: dict[str, np.ndarray] = {}
    meant: dict[str, np.ndarray] = {}
    orders: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        layer = name.removesuffix(".weight")
        if len(shape) == 1:
            ones = name.endswith("weight")
            tensors[name] = (np.full(shape, ones) + rng.normal(0, 0.02, shape)).astype(np.float16)
        elif ".layers." not in name and ".h." not in name:
            tensors[name] = rng.normal(0, 0.05, shape).astype(np.float16)
        else:
            parent, _, last = layer.rpartition(".")
            order = orders.setdefault(f"{parent}.{SHARED.get(last, last)}", rng.permutation(shape[1]))
            layer_tensors, meant[name] = _act_order(rng, shape, order, group, bits)
            tensors |= {f"{layer}.{part}": values for part, values in layer_tensors.items()}
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
    stated = {"bits": bits, "group_size": group, "sym": True, "desc_act": True, "checkpoint_format": "gptq"}
    (folder / "quantize_config.json").write_text(json.dumps(stated))
    return meant


def _act_order(
    rng: np.random.Generator, shape: tuple[int, ...], order: np.ndarray, group: int, bits: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    n_out, n_in = shape
    n_groups, middle = n_in // group, 1 << (bits - 1)
    g_idx = np.empty(n_in, np.int32)
    g_idx[order] = np.arange(n_in) // group
    q = np.clip(np.rint(rng.normal(middle, middle / 3, (n_in, n_out))), 0, 2 * middle - 1).astype(np.uint8)
    scales = rng.uniform(0.005, 0.015, (n_groups, n_out)).astype(np.float16) / np.float16(middle / 8)
    zeros = np.full((n_out, n_groups), middle - 1, np.uint8)
    weight = (scales.astype(np.float32)[g_idx] * (q.astype(np.float32) - middle)).T
    parts = {
        "qweight": word_packing.pack(q, bits),
        "qzeros": word_packing.pack(zeros, bits).T.copy(),
        "scales": scales,
        "g_idx": g_idx,
    }
    return parts, weight
