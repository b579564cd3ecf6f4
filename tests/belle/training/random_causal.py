"""Tiny causal language models with random weights, of several architectures, and tiny samples for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

VOCABULARY = 300
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def causal(architecture: str, attention: str = "sdpa", **changes: Any) -> Any:
    """A model of transformers' `architecture` (llama, qwen2, mistral, bloom, gemma2, cohere) in evaluation mode."""
    from transformers import AutoConfig, AutoModelForCausalLM

    if architecture == "bloom":
        sizes: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 64, "n_layer": 2, "n_head": 4}
    else:
        sizes = dict(_SIZES)
    config = AutoConfig.for_model(architecture, **{**sizes, **changes})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    # With weights of the usual size, logits are about 0.01: too small for an error to be visible.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(5)
    return model.eval()


class Samples:
    """Random samples of given lengths; the second half of each is trained. With `pairs`, two sequences each."""

    def __init__(self, lengths: list[int], *, pairs: bool = False, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self._pairs = pairs
        self._sequences = [
            (rng.integers(3, VOCABULARY, n).astype(np.int32), np.arange(n) >= n // 2)
            for n in lengths
            for _ in range(2 if pairs else 1)
        ]

    def sequences(self, sample: int) -> list[tuple[Any, Any]]:
        """As `SampleSet.sequences`."""
        size = 2 if self._pairs else 1
        return self._sequences[sample * size : (sample + 1) * size]
