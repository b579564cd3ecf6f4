"""Small models with a common vocabulary, and every logit of them, from llama.cpp's high-level class."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from numpy.typing import NDArray

from tests.belle.engine.tiny_gguf import write_random_model

TEXT = "hello world. Yes, a 你好 b\n" * 40 + "The end: 好 hello.\n"


def pair(folder: Path, noise: float = 0.3) -> tuple[Path, Path]:
    """A reference and a candidate whose weights are a little different."""
    reference, candidate = folder / "reference.gguf", folder / "candidate.gguf"
    write_random_model(reference)
    shutil.copy(reference, candidate)
    rng = np.random.default_rng(5)
    change(candidate, "output.weight", lambda w: w + noise * rng.standard_normal(w.shape, dtype=np.float32))
    return reference, candidate


def change(path: Path, name: str, edit) -> None:
    """Replace a float32 tensor of a GGUF."""
    reader = GGUFReader(path, "r+")
    tensor = next(t for t in reader.tensors if t.name == name)
    tensor.data[:] = edit(np.array(tensor.data))
    reader.data.flush()


def all_logits(path: Path, ids: list[int]) -> NDArray[np.float64]:
    """The logits after each of `ids`, `[n, n_vocab]`, all computed in one batch."""
    from llama_cpp import Llama

    model = Llama(
        str(path), n_ctx=len(ids), n_batch=len(ids), logits_all=True, flash_attn=True, verbose=False, n_threads=1
    )
    try:
        model.eval(ids)
        return np.array(model.scores[: len(ids)], np.float64)
    finally:
        model.close()
