"""Random Whispers of two and two layers, as transformers saves them, with a vocabulary of the real size."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convert.tokenizers.reference import BYTE_CHARACTERS

WIDTH = 128
END = {51864: 50256, 51865: 50257, 51866: 50257}


@cache
def words(n_vocab: int = 51865) -> list[bytes]:
    """The bytes of the ordinary tokens: single bytes, then longer ones; the last of a multilingual model is empty."""
    n = END[n_vocab]
    made = [bytes([i]) for i in range(256)]
    made += [b"\xe4" + i.to_bytes(2, "big") for i in range(n - 256)]
    return [*made[:-1], b""] if n_vocab > 51864 else made


def write_vocabulary(folder: Path, n_vocab: int = 51865) -> None:
    """vocab.json as OpenAI's models have it."""
    ids = {"".join(chr(BYTE_CHARACTERS[byte]) for byte in word): index for index, word in enumerate(words(n_vocab))}
    (folder / "vocab.json").write_text(json.dumps(ids | {"<|endoftext|>": END[n_vocab]}))


def config(n_vocab: int = 51865, **more: Any) -> Any:
    """transformers' configuration of a tiny model."""
    from transformers import WhisperConfig

    sizes = {f"{stack}_{key}": value for stack in ("encoder", "decoder") for key, value in _STACK.items()}
    special = {"eos_token_id": END[n_vocab], "decoder_start_token_id": END[n_vocab] + 1, "pad_token_id": END[n_vocab]}
    # whisper.cpp looks GELU up in a table of halves: with larger weights the differences grow.
    return WhisperConfig(**{"vocab_size": n_vocab, "d_model": WIDTH, "init_std": 0.02, **sizes, **special, **more})


_STACK = {"layers": 2, "attention_heads": 2, "ffn_dim": 4 * WIDTH}


def random_model(n_vocab: int = 51865, seed: int = 0, **more: Any) -> Any:
    """A model whose vectors are random, too: fresh biases are zero and would hide that they were exchanged."""
    import torch
    from transformers import WhisperForConditionalGeneration

    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config(n_vocab, **more)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape) * 0.02)
            elif name.endswith("decoder.embed_positions.weight"):
                parameter.copy_(torch.randn(parameter.shape) * 0.02)
    return model


def save(folder: Path, model: Any, **options: Any) -> Path:
    """The checkpoint folder of a model, with its vocabulary."""
    model.save_pretrained(folder, **options)
    write_vocabulary(folder, model.config.vocab_size)
    return folder


def arrays(model: Any) -> dict[str, np.ndarray]:
    """The tensors by name, float32, without the tied head."""
    return {name: value.float().numpy() for name, value in model.state_dict().items() if name != "proj_out.weight"}
