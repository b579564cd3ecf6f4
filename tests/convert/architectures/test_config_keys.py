"""Keys of config.json: what changes a model and is not read is refused, what is not known is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import transformers

from belle.errors import KnownError
from convert.architectures import ARCHITECTURES, architecture_of
from convert.architectures.config_keys import check_keys
from tests.convert.architectures.random_models import MemorySource
from tests.convert.architectures.test_plan import LLAMA, checkpoint, metadata

CONFIGS = ("Llama", "Bloom", "Mistral", "Qwen2", "Qwen3", "Gemma2", "Gemma3Text")


def notes_of(config: dict[str, Any]) -> list[str]:
    notes: list[str] = []
    architecture_of(config).plan(checkpoint(config, head=True), config, notes)
    return notes


@pytest.mark.parametrize("name", CONFIGS)
def test_every_key_that_transformers_writes_is_known(name: str) -> None:
    written = getattr(transformers, f"{name}Config")().to_dict()
    kind = name.removesuffix("Text")
    architecture = architecture_of({"architectures": [f"{kind}ForCausalLM"]})
    notes: list[str] = []
    check_keys(written, architecture.heard, architecture.title, notes)
    assert notes == []


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.title)
@pytest.mark.parametrize(("key", "neutral", "value"), [
    ("scale_emb", 1, 12),
    ("residual_multiplier", 1.0, 0.22),
    ("logits_scaling", 1.0, 8.0),
    ("qk_layernorm", False, True),
    ("num_local_experts", 1, 8),
    ("clip_qkv", None, 8.0),
    ("is_causal", True, False),
    ("no_rope_layers", [1, 1], [1, 0]),
])  # fmt: skip
def test_a_key_that_changes_models_is_refused_unless_it_changes_nothing(
    architecture: Any, key: str, neutral: Any, value: Any
) -> None:
    check_keys({key: neutral}, architecture.heard, architecture.title, notes := [])
    assert notes == []
    with pytest.raises(KnownError) as caught:
        check_keys({key: value}, architecture.heard, architecture.title, [])
    assert caught.value.kind == "unsupported_option"
    assert key in caught.value.message


@pytest.mark.parametrize(("key", "value"), [
    ("final_logit_softcapping", 30.0), ("query_pre_attn_scalar", 256), ("sliding_window", 512),
    ("layer_types", ["full_attention", "sliding_attention"]), ("rope_local_base_freq", 1e4),
])  # fmt: skip
def test_what_one_architecture_reads_another_refuses(key: str, value: Any) -> None:
    with pytest.raises(KnownError, match=key):
        notes_of({**LLAMA, key: value})


def test_keys_that_nobody_knows_are_named() -> None:
    assert (
        notes_of({**LLAMA, "torch_dtype": "bfloat16", "use_cache": True, "some_gate": None, "unsloth_fixed": 1}) == []
    )
    notes = notes_of({**LLAMA, "some_gate": 3, "another\x1b[31m": "x"})
    assert "some_gate" in notes[0]
    assert "\x1b" not in notes[0]


def test_code_that_comes_with_a_checkpoint_is_reported() -> None:
    notes = notes_of({**LLAMA, "auto_map": {"AutoModelForCausalLM": "modeling_x.LlamaForCausalLM"}})
    assert "its own code" in notes[0]


@pytest.mark.parametrize(("change", "length"), [
    ({}, 64),
    ({"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}, 16),
    ({"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2}, 64),
    ({"use_sliding_window": False, "sliding_window": 16, "max_window_layers": 0}, 64),
    ({"sliding_window": 16, "layer_types": ["full_attention", "sliding_attention"]}, 16),
    ({"use_sliding_window": True, "sliding_window": 16, "layer_types": ["full_attention"] * 2}, 64),
])  # fmt: skip
def test_a_window_counts_where_a_layer_attends_through_it(change: dict[str, Any], length: int) -> None:
    config = {**LLAMA, "architectures": ["Qwen2ForCausalLM"], **change}
    assert metadata(config)["qwen2.context_length"] == length


@pytest.mark.parametrize("name", ["Qwen2", "Mistral"])
@pytest.mark.parametrize("kinds", [["full_attention", "linear_attention"], ["chunked_attention"] * 2, "full", [[1]]])
def test_layers_of_a_kind_that_is_not_known_are_refused(name: str, kinds: Any) -> None:
    config = {**LLAMA, "architectures": [f"{name}ForCausalLM"], "model_type": name.lower(), "layer_types": kinds}
    with pytest.raises(KnownError, match="layer_types"):
        metadata(config)


def test_mistrals_window_is_its_default_where_the_key_is_missing() -> None:
    config = {**LLAMA, "architectures": ["MistralForCausalLM"], "max_position_embeddings": 8192}
    assert metadata(config)["llama.context_length"] == 4096
    assert metadata({**config, "sliding_window": None})["llama.context_length"] == 8192


@pytest.mark.parametrize("name", ["attn_logit_softcapping", "final_logit_softcapping", "sliding_window"])
def test_null_for_what_llama_cpp_always_does_is_refused_as_null(name: str) -> None:
    config = {**LLAMA, "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", name: None}
    with pytest.raises(KnownError, match=f"sets {name} to None"):
        architecture_of(config).metadata(config | {"hidden_act": None, "query_pre_attn_scalar": 256, "head_dim": 256})


@pytest.mark.parametrize(("of_class", "model_type"), [
    ("Llama", "mistral"), ("Llama", "qwen2"), ("Qwen3", "qwen2"), ("Mistral", "bloom"), ("Gemma2", "gemma3_text"),
])  # fmt: skip
def test_a_class_and_a_type_of_two_architectures_are_refused(of_class: str, model_type: str) -> None:
    with pytest.raises(KnownError, match="says two things"):
        architecture_of({"architectures": [f"{of_class}ForCausalLM"], "model_type": model_type})


@pytest.mark.parametrize("model_type", ["llama", "Yi", "", None])
def test_a_type_that_nobody_knows_leaves_it_to_the_class(model_type: str | None) -> None:
    assert architecture_of({"architectures": ["LlamaForCausalLM"], "model_type": model_type}).title == "LLaMA"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_biases_that_the_configuration_does_not_mention_are_reported(value: float) -> None:
    tensors = checkpoint(LLAMA, head=True)
    name = "model.layers.0.self_attn.q_proj"
    bias = np.full(tensors[f"{name}.weight"].shape[0], value, np.float32)
    notes: list[str] = []
    architecture_of(LLAMA).plan(tensors | {f"{name}.bias": MemorySource(f"{name}.bias", bias)}, LLAMA, notes)
    assert [f"{name}.bias" in note for note in notes] == [True] * bool(value)
