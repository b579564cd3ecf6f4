"""Adapter folders as PEFT writes them, without PEFT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.convert.checkpoint.building import safetensors

LLAMA_LAYERS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
LLAMA_LAYERS += ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
BLOOM_LAYERS = ("self_attention.query_key_value", "self_attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")


def save_adapter(folder: Path, tensors: Mapping[str, np.ndarray], **config: Any) -> Path:
    """Write the folder; `config` adds to and replaces what PEFT says by default, and of the layers with a product."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(safetensors(tensors))
    layers = {name.partition(".lora_")[0].rpartition(".")[2] for name in tensors if ".lora_" in name}
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 16, "base_model_name_or_path": "base/model"}
    settings |= {"target_modules": sorted(layers)} | config
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def pair(layer: str, shape: tuple[int, ...], rank: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Both factors of one layer, strong enough to show."""
    n_out, n_in = shape
    return {
        f"base_model.model.{layer}.lora_A.weight": rng.normal(0, 0.1, (rank, n_in)).astype(np.float32),
        f"base_model.model.{layer}.lora_B.weight": rng.normal(0, 0.1, (n_out, rank)).astype(np.float32),
    }


def adapter_for(
    shapes: Mapping[str, tuple[int, ...]],
    layers: tuple[str, ...],
    *,
    rank: int = 4,
    ranks: Mapping[str, int] | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Tensors of an adapter for every weight of `shapes` that ends in one of `layers`."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        layer = name.removesuffix(".weight")
        if name.endswith(".weight") and layer.endswith(layers):
            own = next((r for end, r in (ranks or {}).items() if layer.endswith(end)), rank)
            found |= pair(layer, shape, own, rng)
    return found
