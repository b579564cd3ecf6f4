"""Scaled rotary embeddings: what is converted computes what transformers computes, and everything else is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from belle.errors import KnownError
from convert.architectures import architecture_of
from tests.convert.architectures.random_models import convert_model, llama_logits
from tests.convert.architectures.test_logits import GEMMA, IDS, SIZES, reference_logits

YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 32}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1e4,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}
# Options of every kind, and whether llama.cpp has a way to hear them for an architecture without divisors.
VARIANTS: dict[str, tuple[dict[str, Any], bool]] = {
    "default": ({"rope_type": "default", "rope_theta": 5e4}, True),
    "linear": (LINEAR, True),
    "linear-remark": ({**LINEAR, "finetuned": True, "original_max_position_embeddings": 128}, True),
    "dynamic": ({"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}, True),
    "yarn": (YARN, True),
    "yarn-attention-factor-1": ({**YARN, "attention_factor": 1.0}, True),
    "yarn-attention-factor": ({**YARN, "attention_factor": 1.4}, True),
    "yarn-mscale": ({**YARN, "mscale": 1.0, "mscale_all_dim": 1.0}, True),
    "yarn-mscales": ({**YARN, "mscale": 0.7, "mscale_all_dim": 1.3}, True),
    "yarn-mscale-alone": ({**YARN, "mscale": 0.7}, True),
    "yarn-usual-betas": ({**YARN, "beta_fast": 32, "beta_slow": 1.0, "truncate": True}, True),
    "yarn-beta-fast": ({**YARN, "beta_fast": 16}, False),
    "yarn-beta-slow": ({**YARN, "beta_slow": 2}, False),
    "yarn-truncate": ({**YARN, "truncate": False}, False),
    "yarn-shrinking": ({**YARN, "factor": 0.5}, True),
    "longrope": ({"rope_type": "longrope", "factor": 4.0, "rope_theta": 1e4, "short_factor": [1.0] * 8,
                  "long_factor": [2.0] * 8, "original_max_position_embeddings": 32}, False),
    "proportional": ({"rope_type": "proportional", "rope_theta": 1e4, "partial_rotary_factor": 0.5}, False),
    "made-up": ({**LINEAR, "alpha": 7.0}, False),
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Mistral": {"sliding_window": None},
    "Qwen2": {},
    "Qwen3": {"head_dim": 16},
    "Gemma2": GEMMA,
}


def model_of(kind: str, rope: dict[str, Any], **options: Any) -> Any:
    sizes = {**SIZES, "num_hidden_layers": 2, **KINDS.get(kind, GEMMA), "num_key_value_heads": 2, **options}
    config_class = "Gemma3Text" if kind == "Gemma3" else kind
    config = getattr(transformers, f"{config_class}Config")(**sizes, rope_parameters=rope)
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1 if parameter.dim() > 1 else parameter)
        for name, parameter in model.named_parameters():
            if "q_proj.weight" in name or "k_proj.weight" in name:
                parameter.mul_(6)  # attention sharp enough that a wrong angle shows
    model.tie_weights()
    return model


def is_converted_rightly(kind: str, rope: dict[str, Any], path: Path, **options: Any) -> bool:
    """True: the logits agree; False: refused. Fails when the file is written and computes something else."""
    model = model_of(kind, rope, **options)
    try:
        convert_model(model, path)
    except KnownError as error:
        assert error.kind == "unsupported_option", error
        return False
    reference = reference_logits(model)
    difference = np.abs(llama_logits(path, IDS) - reference).max()
    # ggml looks GELU up in a table of halves, which Gemma's gated layers make visible; a wrong angle is off by 1.
    assert difference < (2e-2 if kind.startswith("Gemma") else 1e-3), difference
    return True


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_option_is_computed_or_refused(kind: str, variant: str, tmp_path: Path) -> None:
    rope, heard = VARIANTS[variant]
    assert is_converted_rightly(kind, rope, tmp_path / "model.gguf") == heard


@pytest.mark.parametrize("kind", [*KINDS, "Gemma3"])
def test_divisors_of_frequencies_are_refused_where_they_would_not_be_loaded(kind: str, tmp_path: Path) -> None:
    rope = {"full_attention": LLAMA3} if kind == "Gemma3" else LLAMA3
    assert is_converted_rightly(kind, rope, tmp_path / "model.gguf") == (kind in ("Llama", "Mistral"))


DEFAULT = {"rope_type": "default", "rope_theta": 1e4}


@pytest.mark.parametrize(("full", "sliding", "heard"), [
    (LINEAR, DEFAULT, True),
    (YARN, DEFAULT, True),
    ({**YARN, "attention_factor": 1.0}, DEFAULT, False),  # llama.cpp would apply it to all layers
    (DEFAULT, LINEAR, False),
    (LINEAR, LINEAR, False),
    (YARN, YARN, False),
    (DEFAULT, {**DEFAULT, "rope_theta": 777.0}, True),
])  # fmt: skip
def test_two_kinds_of_layers(full: dict[str, Any], sliding: dict[str, Any], heard: bool, tmp_path: Path) -> None:
    rope = {"full_attention": full, "sliding_attention": sliding}
    assert is_converted_rightly("Gemma3", rope, tmp_path / "model.gguf", num_hidden_layers=7) == heard


def entries(config: dict[str, Any], kind: str = "LlamaForCausalLM") -> dict[str, Any]:
    sizes = {**SIZES, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 16, **config}
    plain = {**sizes, "architectures": [kind]}
    return {entry.key: entry.value for entry in architecture_of(plain).metadata(plain)}


def test_the_old_spelling_of_gemma_3_scales_the_layers_without_window_alone() -> None:
    config = {"rope_theta": 5e5, "rope_local_base_freq": 333.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    found = entries(config, "Gemma3ForCausalLM")
    assert found["gemma3.rope.freq_base"] == 5e5
    assert found["gemma3.rope.freq_base_swa"] == 333.0
    assert found["gemma3.rope.scaling.factor"] == 8.0
    assert entries({}, "Gemma3ForCausalLM")["gemma3.rope.freq_base"] == 1e6


@pytest.mark.parametrize("rope", [
    {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "linear", "factor": 4.0}},
    {"rope_parameters": 7},
    {"rope_scaling": {"type": "yarn", "factor": 2.0, "attention_factor": "high"}},
])  # fmt: skip
def test_what_contradicts_itself_is_refused(rope: dict[str, Any]) -> None:
    with pytest.raises(KnownError) as caught:
        entries(rope)
    assert caught.value.kind == "bad_config"


def test_the_length_before_scaling_is_taken_from_where_transformers_takes_it() -> None:
    yarn = {"type": "yarn", "factor": 4.0}
    key = "llama.rope.scaling.original_context_length"
    assert entries({"rope_scaling": yarn})[key] == SIZES["max_position_embeddings"]
    yarn["original_max_position_embeddings"] = 64
    assert entries({"rope_scaling": yarn})[key] == 64
    assert entries({"rope_scaling": yarn, "original_max_position_embeddings": 32})[key] == 32


@pytest.mark.parametrize("kind", [f"{name}ForCausalLM" for name in [*KINDS, "Gemma3"]])
@pytest.mark.parametrize("config", [
    {"partial_rotary_factor": 0.5},
    {"rope_parameters": {"full_attention": {"rope_type": "default", "partial_rotary_factor": 0.5}}},
])  # fmt: skip
def test_heads_that_are_rotated_in_part_are_refused(kind: str, config: dict[str, Any]) -> None:
    with pytest.raises(KnownError, match="partial_rotary_factor"):
        entries(config, kind)


def test_a_refusal_names_the_option_and_its_value() -> None:
    with pytest.raises(KnownError) as caught:
        entries({"rope_scaling": {**YARN, "beta_fast": 16}})
    assert "beta_fast of rope_scaling (yarn) to 16" in caught.value.message
    assert "LLaMA" in caught.value.message
