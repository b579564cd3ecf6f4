"""Tiny random models of every architecture: transformers and llama.cpp must compute the same logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from tests.convert.architectures.random_models import convert_model, kl_divergence, llama_logits

IDS = [int(i) for i in np.random.default_rng(7).integers(3, 250, 48)]
SIZES = {
    "vocab_size": 256,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
GEMMA = {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 16, "hidden_activation": "gelu_pytorch_tanh"}

MODELS = {
    "llama": ("Llama", {}),
    "llama-gqa": ("Llama", {"num_key_value_heads": 2}),
    "llama-tied": ("Llama", {"tie_word_embeddings": True}),
    "llama-biases": ("Llama", {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 1}),
    "llama-head-dim": ("Llama", {"head_dim": 32, "num_key_value_heads": 2}),
    "llama-linear-rope": ("Llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e4}}),
    "llama3-rope": ("Llama", {"rope_parameters": LLAMA3_ROPE}),
    "llama-yarn": (
        "Llama",
        {
            "rope_parameters": {
                "rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 128,
            },
        },
    ),
    "bloom": ("Bloom", {}),
    "mistral": ("Mistral", {"num_key_value_heads": 2, "sliding_window": None}),
    "mistral-window": ("Mistral", {"num_key_value_heads": 2, "sliding_window": 64}),
    "qwen2": ("Qwen2", {"num_key_value_heads": 2}),
    "qwen3": ("Qwen3", {"num_key_value_heads": 2, "head_dim": 32}),
    "gemma2": ("Gemma2", {"num_key_value_heads": 2, **GEMMA}),
    "gemma3": ("Gemma3", {"num_key_value_heads": 2, **GEMMA, "num_hidden_layers": 7}),
}  # fmt: skip


def tiny_model(name: str) -> object:
    kind, options = MODELS[name]
    sizes = {**SIZES, **options}
    if kind == "Bloom":
        sizes = {k: v for k, v in sizes.items() if k not in ("intermediate_size", "max_position_embeddings")}
    if kind == "Gemma3":
        config = transformers.Gemma3TextConfig(**sizes)
    else:
        config = getattr(transformers, f"{kind}Config")(**sizes)
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            # Norms and biases too: a tensor in the wrong place must show.
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise * 0.1 if parameter.dim() > 1 else parameter + 0.2 * noise)
    model.tie_weights()
    return model


def reference_logits(model: object) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0].float().numpy()


@pytest.mark.parametrize("name", MODELS)
def test_f32_logits(name: str, tmp_path: Path) -> None:
    model = tiny_model(name)
    logits = llama_logits(convert_model(model, tmp_path / "model.gguf"), IDS)
    reference = reference_logits(model)
    assert reference.std() > 0.1, "a model that says the same to everything proves nothing"
    # ggml looks GELU up in a table of halves, which Gemma's gated layers make visible.
    assert np.abs(logits - reference).max() < (5e-3 if name.startswith("gemma") else 1e-3)
    assert kl_divergence(reference, logits) < 1e-6


@pytest.mark.parametrize("name", ["llama", "llama-gqa", "bloom", "mistral", "qwen2", "qwen3", "gemma3"])
def test_f16_logits(name: str, tmp_path: Path) -> None:
    model = tiny_model(name).half().float()
    logits = llama_logits(convert_model(model, tmp_path / "model.gguf", "f16"), IDS)
    assert kl_divergence(reference_logits(model), logits) < 1e-5


def test_bf16_checkpoint(tmp_path: Path) -> None:
    model = tiny_model("llama-gqa")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16())
    reference = reference_logits(model)
    path = convert_model(model.bfloat16(), tmp_path / "model.gguf")
    assert np.abs(llama_logits(path, IDS) - reference).max() < 1e-3
