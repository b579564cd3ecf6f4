"""Adapters that PEFT itself saved: merging them must give the weights that PEFT's own `merge_and_unload` gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.errors import KnownError
from convert.lora.adapter import read_adapter
from convert.lora.merge import merge
from convert.rows.arrange import ArrayRows

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

# What PEFT and transformers announce to each other is not ours to act on.
pytestmark = pytest.mark.filterwarnings("ignore")

PROJECTIONS = ["q_proj", "k_proj", "down_proj"]
CONFIGS = {
    "plain": {"target_modules": PROJECTIONS},
    "rslora": {"target_modules": PROJECTIONS, "use_rslora": True},
    "patterns": {
        "target_modules": PROJECTIONS,
        "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.down_proj": 6},
        "alpha_pattern": {"k_proj": 3, r"layers\.0\.self_attn\.q_proj": 5},
    },
    "rslora-patterns": {"target_modules": PROJECTIONS, "use_rslora": True, "rank_pattern": {"q_proj": 2}},
    "dora": {"target_modules": PROJECTIONS, "use_dora": True},
    "dora-rslora": {"target_modules": PROJECTIONS, "use_dora": True, "use_rslora": True},
    "all-linear": {"target_modules": "all-linear"},
    "embeddings": {"target_modules": ["embed_tokens", "q_proj"]},
    "saved": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head", "embed_tokens"]},
    "saved-norms": {"target_modules": ["q_proj"], "modules_to_save": ["norm", "input_layernorm"]},
    "head": {"target_modules": ["lm_head", "v_proj"]},
}


def tiny_llama() -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    config = transformers.LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)
    return transformers.LlamaForCausalLM(config)


def trained(model: Any, options: dict[str, Any]) -> Any:
    """An adapter on `model` with every trainable number changed, as after training."""
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=10, task_type="CAUSAL_LM", **options))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return adapted


def weights(model: Any) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
@pytest.mark.parametrize("name", CONFIGS)
def test_merging_gives_pefts_own_result(name: str, safe: bool, tmp_path: Path) -> None:
    model = tiny_llama()
    base = {key: ArrayRows(key, values) for key, values in weights(model).items()}
    adapted = trained(model, CONFIGS[name])
    adapted.save_pretrained(tmp_path, safe_serialization=safe)
    expected = weights(adapted.merge_and_unload())
    with read_adapter(tmp_path) as adapter:
        merged = merge(base, [adapter])
        found = {key: rows.float_rows(0, rows.n_rows).reshape(rows.shape) for key, rows in merged.items()}
    assert found.keys() == expected.keys()
    changed = {key for key, values in expected.items() if not np.array_equal(values, base[key].rows(0, 10**6))}
    assert changed
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=2e-5, atol=2e-6, err_msg=key)


def test_what_means_something_else_is_refused(tmp_path: Path) -> None:
    refused = {
        "dora-embedding": {"target_modules": ["embed_tokens"], "use_dora": True},
        "pissa": {"target_modules": ["q_proj"], "init_lora_weights": "pissa"},
        "tokens": {"target_modules": ["q_proj"], "trainable_token_indices": {"embed_tokens": [1, 2]}},
    }
    for name, options in refused.items():
        trained(tiny_llama(), options).save_pretrained(tmp_path / name)
        with pytest.raises(KnownError) as caught:
            read_adapter(tmp_path / name)
        assert caught.value.kind == "unsupported_adapter", name


def test_an_adapter_of_a_resized_vocabulary(tmp_path: Path) -> None:
    model = tiny_llama()
    base = {key: ArrayRows(key, values) for key, values in weights(model).items()}
    model.resize_token_embeddings(104)
    trained(model, CONFIGS["embeddings"]).save_pretrained(tmp_path)
    with read_adapter(tmp_path) as adapter, pytest.raises(KnownError) as caught:
        merge(base, [adapter])
    assert caught.value.kind == "adapter_vocabulary"
