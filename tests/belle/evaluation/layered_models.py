"""A model of several blocks, and candidates that are wrong in known places."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.evaluation.tiny_models import change
from tests.convert.checkpoints import llama_checkpoint

BROKEN = "blk.2.ffn_down.weight"
NOISY = ["blk.0.attn_v.weight", "blk.1.ffn_up.weight", "blk.3.ffn_down.weight", "output.weight", "token_embd.weight"]


def reference_model(folder: Path) -> Path:
    path = folder / "reference.gguf"
    write_random_model(path, n_layers=4, scale=0.3)
    return path


def broken_pair(folder: Path) -> tuple[Path, Path]:
    """All matrices of the candidate are a little off, and one is zero."""
    reference, candidate = reference_model(folder), folder / "broken.gguf"
    shutil.copy(reference, candidate)
    rng = np.random.default_rng(3)
    for name in (f"blk.{i}.{role}.weight" for i in range(4) for role in ("attn_q", "ffn_up", "ffn_down")):
        change(candidate, name, lambda w: w + 0.01 * rng.standard_normal(w.shape, dtype=np.float32))
    change(candidate, BROKEN, np.zeros_like)
    return reference, candidate


def noisy_pair(folder: Path) -> tuple[Path, Path]:
    """The matrices of `NOISY` are off."""
    reference, candidate = reference_model(folder), folder / "noisy.gguf"
    shutil.copy(reference, candidate)
    rng = np.random.default_rng(4)
    for name in NOISY:
        change(candidate, name, lambda w: w + 0.05 * rng.standard_normal(w.shape, dtype=np.float32))
    return reference, candidate


def checkpoint(folder: Path, *, layers: int = 2) -> Path:
    """A LLaMA checkpoint with a byte tokenizer whose matrices matter: normalised, and with outliers."""
    path = llama_checkpoint(folder / "checkpoint", layers=layers, ffn=512, vocabulary=320, heads=4, kv_heads=4)
    weights = load_file(path / "model.safetensors")
    rng = np.random.default_rng(8)
    for name, values in weights.items():
        if values.ndim == 1:
            weights[name] = np.ones_like(values)
        else:
            spread = rng.standard_t(4, values.shape) * (0.5 if "lm_head" in name else 0.08)
            weights[name] = spread.astype(np.float16)
    save_file(weights, path / "model.safetensors")
    return path
