"""Qwen 1 and Baichuan, which transformers has no code for: llama.cpp computes what their published formulas say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf.constants import GGUFValueType

from belle.errors import KnownError
from convert.architectures import architecture_of
from convert.metadata import KeyValue
from convert.rows.source import RowSource
from tests.convert.architectures.published_formulas import baichuan_logits, qwen1_logits
from tests.convert.architectures.random_models import MemorySource, kl_divergence, llama_logits, write_gguf

IDS = [int(i) for i in np.random.default_rng(7).integers(3, 90, 40)]
QWEN: dict[str, Any] = {
    "architectures": ["QWenLMHeadModel"], "model_type": "qwen", "vocab_size": 96, "hidden_size": 64,
    "intermediate_size": 192, "num_hidden_layers": 2, "num_attention_heads": 4, "kv_channels": 16,
    "layer_norm_epsilon": 1e-6, "seq_length": 512, "max_position_embeddings": 2048, "no_bias": True,
    "rotary_emb_base": 10000, "rotary_pct": 1.0, "scale_attn_weights": True, "use_dynamic_ntk": True,
    "use_logn_attn": True, "use_flash_attn": "auto", "fp16": True, "tie_word_embeddings": False,
}  # fmt: skip
BAICHUAN: dict[str, Any] = {
    "architectures": ["BaichuanForCausalLM"], "model_type": "baichuan", "vocab_size": 96, "hidden_size": 40,
    "intermediate_size": 56, "num_attention_heads": 5, "hidden_act": "silu", "rms_norm_eps": 1e-6,
    "model_max_length": 512, "tie_word_embeddings": False,
}  # fmt: skip
ROTARY = {"max_position_embeddings": 512, "num_attention_heads": 4, "hidden_size": 64}
BAICHUANS: dict[str, dict[str, Any]] = {
    "7B": {**BAICHUAN, **ROTARY, "num_hidden_layers": 32, "architectures": ["BaiChuanForCausalLM"]},
    "2-7B": {**BAICHUAN, **ROTARY, "num_hidden_layers": 32, "z_loss_weight": 0},
    "rotary, of three layers": {**BAICHUAN, **ROTARY, "num_hidden_layers": 3},
    "13B": {**BAICHUAN, "num_hidden_layers": 40},
    "2-13B": {**BAICHUAN, "num_hidden_layers": 40, "z_loss_weight": 0},
}


def random_weights(config: dict[str, Any], packed: bool) -> dict[str, np.ndarray]:
    """Every tensor of the architecture's table; with `packed` queries, keys and values as Baichuan stores them."""
    rng = np.random.default_rng(3)
    architecture = architecture_of(config)
    sizes = architecture.dimensions(config)
    result: dict[str, np.ndarray] = {}
    for rule in [*architecture.rules(config), architecture.head]:
        for i in range(sizes.n_layer if "{i}" in rule.source else 1):
            if rule.optional:
                continue
            shape = tuple(getattr(sizes, width) for width in rule.shape)
            is_norm = len(shape) == 1 and rule.name.endswith("norm.weight")
            prefix = "" if rule is architecture.head else architecture.prefix
            values = 1 + 0.2 * rng.normal(size=shape) if is_norm else 0.2 * rng.normal(size=shape)
            result[prefix + rule.source.format(i=i)] = values.astype(np.float32)
    for i in range(sizes.n_layer if packed else 0):
        attention = f"model.layers.{i}.self_attn."
        parts = [result.pop(f"{attention}{part}_proj.weight") for part in "qkv"]
        result[f"{attention}W_pack.weight"] = np.concatenate(parts)
    return result


def sources(weights: dict[str, np.ndarray]) -> dict[str, RowSource]:
    return {name: MemorySource(name, values) for name, values in weights.items()}


def converted_logits(weights: dict[str, np.ndarray], config: dict[str, Any], path: Path) -> np.ndarray:
    architecture = architecture_of(config)
    size_key = f"{architecture.name}.vocab_size"
    entries = [entry for entry in architecture.metadata(config) if entry.key != size_key]
    entries.append(KeyValue("tokenizer.ggml.model", "none", GGUFValueType.STRING))
    entries.append(KeyValue(size_key, config["vocab_size"], GGUFValueType.UINT32))
    tensors = architecture.plan(sources(weights), config)
    return llama_logits(write_gguf(path, architecture.name, entries, tensors), IDS)


def test_qwen_1_computes_its_published_formula(tmp_path: Path) -> None:
    weights = random_weights(QWEN, packed=False)
    reference = qwen1_logits(weights, QWEN, IDS)
    logits = converted_logits(weights, QWEN, tmp_path / "model.gguf")
    assert reference.std() > 0.1
    assert np.abs(logits - reference).max() < 1e-3
    assert kl_divergence(reference, logits) < 1e-6


@pytest.mark.parametrize("name", BAICHUANS)
def test_baichuan_computes_its_published_formula(name: str, tmp_path: Path) -> None:
    config = BAICHUANS[name]
    weights = random_weights(config, packed=True)
    rotary, second = "max_position_embeddings" in config, "z_loss_weight" in config
    reference = baichuan_logits(weights, config, IDS, rotary=rotary, unit_head=second)
    logits = converted_logits(weights, config, tmp_path / "model.gguf")
    assert reference.std() > 0.1
    assert np.abs(logits - reference).max() < 2e-3
    assert kl_divergence(reference, logits) < 1e-6


def test_alibi_needs_the_forty_layers_that_llama_cpp_knows_it_by() -> None:
    with pytest.raises(KnownError, match="num_hidden_layers to 24") as caught:
        architecture_of({**BAICHUAN, "num_hidden_layers": 24}).metadata({**BAICHUAN, "num_hidden_layers": 24})
    assert caught.value.kind == "unsupported_option"


@pytest.mark.parametrize(
    ("key", "value"), [("no_bias", False), ("rotary_pct", 0.5), ("scale_attn_weights", False), ("alibi", True)]
)
def test_what_llama_cpp_does_not_compute_of_qwen_1_is_refused(key: str, value: object) -> None:
    config = {**QWEN, key: value}
    with pytest.raises(KnownError) as caught:
        architecture_of(config).metadata(config)
        architecture_of(config).plan(sources(random_weights(config, packed=False)), config)
    assert caught.value.kind == "unsupported_option"


def test_the_tower_of_qwen_vl_is_left_out_and_said() -> None:
    config = {**QWEN, "visual": {"layers": 48, "width": 1664}}
    weights = random_weights(config, packed=False)
    weights["transformer.visual.proj"] = np.zeros((4, 4), np.float32)
    weights["transformer.visual.transformer.resblocks.0.ln_1.weight"] = np.zeros(4, np.float32)
    notes: list[str] = []
    names = [tensor.name for tensor in architecture_of(config).plan(sources(weights), config, notes)]
    assert names == [t.name for t in architecture_of(QWEN).plan(sources(random_weights(QWEN, packed=False)), QWEN)]
    assert any(note.startswith("2 tensors are left out: the vision tower") for note in notes)


def test_the_context_of_qwen_1_ends_where_its_positions_are_stretched() -> None:
    notes: list[str] = []
    entries = {entry.key: entry.value for entry in architecture_of(QWEN).metadata(QWEN, notes)}
    assert entries["qwen.context_length"] == 512
    assert any("use_dynamic_ntk and use_logn_attn" in note for note in notes)
