"""Qwen 1 and Baichuan in numpy, by the formulas of their papers and model cards: transformers has no code for them.

Weights are by their names in the checkpoint; everything is float64, and one position after the other attends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Weights = Mapping[str, np.ndarray]


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def rotated(x: np.ndarray, base: float = 10000.0) -> np.ndarray:
    """RoPE (arXiv 2104.09864) on the halves of each head, `[n_tokens, n_head, head_dim]`."""
    n, _, width = x.shape
    half = width // 2
    angle = np.arange(n)[:, None] * base ** (-np.arange(half) / half)  # [n_tokens, head_dim / 2]
    cos, sin = np.cos(angle)[:, None, :], np.sin(angle)[:, None, :]
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def alibi_slopes(n_head: int) -> np.ndarray:
    """ALiBi's slopes (arXiv 2108.12409); for a number of heads that is not a power of two, by the authors' code."""

    def powers(n: int) -> list[float]:
        return [2.0 ** (-8.0 * (k + 1) / n) for k in range(n)]

    closest = 2 ** math.floor(math.log2(n_head))
    return np.array(powers(closest) + powers(2 * closest)[0::2][: n_head - closest])


def attended(q: np.ndarray, k: np.ndarray, v: np.ndarray, slopes: np.ndarray | None = None) -> np.ndarray:
    """Causal attention of `[n_tokens, n_head, head_dim]`, `[n_tokens, n_head · head_dim]`."""
    n, n_head, width = q.shape
    scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(width)
    if slopes is not None:
        scores += slopes[:, None, None] * (np.arange(n)[None, :] - np.arange(n)[:, None])
    scores = np.where(np.tril(np.ones((n, n), dtype=bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("hij,jhd->ihd", weights, v).reshape(n, n_head * width)


def qwen1_logits(w: Weights, config: Mapping[str, Any], ids: Sequence[int]) -> np.ndarray:
    """`[n_tokens, n_vocab]`."""
    n_head, eps = config["num_attention_heads"], config["layer_norm_epsilon"]
    x = w["transformer.wte.weight"].astype(np.float64)[list(ids)]
    for i in range(config["num_hidden_layers"]):
        h = f"transformer.h.{i}."
        y = rms_norm(x, w[h + "ln_1.weight"], eps)
        qkv = y @ w[h + "attn.c_attn.weight"].T.astype(np.float64) + w[h + "attn.c_attn.bias"]
        q, k, v = (part.reshape(len(ids), n_head, -1) for part in np.split(qkv, 3, axis=-1))
        x = x + attended(rotated(q), rotated(k), v) @ w[h + "attn.c_proj.weight"].T
        y = rms_norm(x, w[h + "ln_2.weight"], eps)
        x = x + (y @ w[h + "mlp.w1.weight"].T * silu(y @ w[h + "mlp.w2.weight"].T)) @ w[h + "mlp.c_proj.weight"].T
    return rms_norm(x, w["transformer.ln_f.weight"], eps) @ w["lm_head.weight"].T


def baichuan_logits(
    w: Weights, config: Mapping[str, Any], ids: Sequence[int], *, rotary: bool, unit_head: bool
) -> np.ndarray:
    """`[n_tokens, n_vocab]`.

    Args:
        w, config, ids: of the model and the text.
        rotary: RoPE (7B) in place of ALiBi (13B).
        unit_head: `NormHead`, the rows of the output head divided by their lengths (Baichuan 2).
    """
    n_head, eps = config["num_attention_heads"], config["rms_norm_eps"]
    x = w["model.embed_tokens.weight"].astype(np.float64)[list(ids)]
    for i in range(config["num_hidden_layers"]):
        h = f"model.layers.{i}."
        y = rms_norm(x, w[h + "input_layernorm.weight"], eps)
        qkv = y @ w[h + "self_attn.W_pack.weight"].T.astype(np.float64)
        q, k, v = (part.reshape(len(ids), n_head, -1) for part in np.split(qkv, 3, axis=-1))
        a = attended(rotated(q), rotated(k), v) if rotary else attended(q, k, v, alibi_slopes(n_head))
        x = x + a @ w[h + "self_attn.o_proj.weight"].T
        y = rms_norm(x, w[h + "post_attention_layernorm.weight"], eps)
        gated = silu(y @ w[h + "mlp.gate_proj.weight"].T) * (y @ w[h + "mlp.up_proj.weight"].T)
        x = x + gated @ w[h + "mlp.down_proj.weight"].T
    head = w["lm_head.weight"].astype(np.float64)
    if unit_head:
        head = head / np.linalg.norm(head, axis=-1, keepdims=True)
    return rms_norm(x, w["model.norm.weight"], eps) @ head.T
