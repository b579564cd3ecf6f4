"""A second writer of whisper.cpp's format, short and without any code of `convert`: for comparing bytes.

Layout: whisper.cpp's `models/convert-pt-to-ggml.py` describes it. Mel filters come from transformers.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ENGLISH_NAMES = {
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out",
    "self_attn_layer_norm": "attn_ln",
    "encoder_attn.q_proj": "cross_attn.query",
    "encoder_attn.k_proj": "cross_attn.key",
    "encoder_attn.v_proj": "cross_attn.value",
    "encoder_attn.out_proj": "cross_attn.out",
    "encoder_attn_layer_norm": "cross_attn_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "final_layer_norm": "mlp_ln",
}
WHOLE_NAMES = {
    "encoder.embed_positions.weight": "encoder.positional_embedding",
    "decoder.embed_positions.weight": "decoder.positional_embedding",
    "decoder.embed_tokens.weight": "decoder.token_embedding.weight",
    "encoder.layer_norm.weight": "encoder.ln_post.weight",
    "encoder.layer_norm.bias": "encoder.ln_post.bias",
    "decoder.layer_norm.weight": "decoder.ln.weight",
    "decoder.layer_norm.bias": "decoder.ln.bias",
}


def renamed(name: str) -> str:
    """whisper.cpp's name of a tensor that transformers calls `model.…`."""
    name = name.removeprefix("model.")
    if name in WHOLE_NAMES:
        return WHOLE_NAMES[name]
    if ".layers." not in name:
        return name  # the convolutions
    stack, _, number, *middle, last = name.split(".")
    return f"{stack}.blocks.{number}.{ENGLISH_NAMES['.'.join(middle)]}.{last}"


def head(config: Mapping[str, Any], filters: np.ndarray, words: Sequence[bytes], ftype: int = 1) -> bytes:
    """Everything before the tensors; `filters` is `[n_mels, 201]`."""
    numbers = [
        config["vocab_size"],
        config["max_source_positions"],
        config["d_model"],
        config["encoder_attention_heads"],
        config["encoder_layers"],
        config["max_target_positions"],
        config["d_model"],
        config["decoder_attention_heads"],
        config["decoder_layers"],
        config["num_mel_bins"],
        ftype,
    ]
    parts = [b"lmgg", struct.pack("<11i", *numbers), struct.pack("<2i", *filters.shape)]
    parts += [filters.astype("<f4").tobytes(), struct.pack("<i", len(words))]
    parts += [struct.pack("<i", len(word)) + word for word in words]
    return b"".join(parts)


def tensor(name: str, values: np.ndarray) -> bytes:
    """One tensor in an F16 file, from float32 `values` under transformers' name."""
    new = renamed(name)
    if new in ("encoder.conv1.bias", "encoder.conv2.bias"):
        values = values.reshape(-1, 1)
    wide = values.ndim < 2 or new.endswith((".bias", "positional_embedding"))
    data = values.astype("<f4" if wide else "<f2")
    return (
        struct.pack("<3i", data.ndim, len(new), 0 if wide else 1)
        + struct.pack(f"<{data.ndim}i", *reversed(data.shape))
        + new.encode()
        + data.tobytes()
    )


def f16_file(
    config: Mapping[str, Any], filters: np.ndarray, words: Sequence[bytes], tensors: Mapping[str, np.ndarray]
) -> bytes:
    """The whole file, tensors in the given order."""
    return head(config, filters, words) + b"".join(tensor(name, values) for name, values in tensors.items())
