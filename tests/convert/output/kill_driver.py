"""A conversion to be killed: `python -m tests.convert.output.kill_driver WEIGHTS.npy OUT.gguf`.

It records its progress far more often than a real one, so that a test of a few seconds meets many states of the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import convert.output.writer
from convert.output.writer import write_gguf
from tests.convert.tiny_models import ArraySource, Tensor, TinyModel, make_model, plan


def model_of(weights: Path) -> TinyModel:
    """LLaMA's names over the matrices of a file, mapped into memory."""
    matrices = np.load(weights, mmap_mode="r")
    model = make_model(width=matrices.shape[2], layers=1)
    sources = [ArraySource(f"matrix {number}", matrix) for number, matrix in enumerate(matrices)]
    tensors = [Tensor(f"blk.{number}.attn_v.weight", source) for number, source in enumerate(sources)]
    return TinyModel(model.metadata, [*model.tensors[:3], *tensors])


def main() -> None:
    weights, out = Path(sys.argv[1]), Path(sys.argv[2])
    convert.output.writer.COMMIT_SECONDS = 0.02
    model = model_of(weights)
    print("ready", flush=True)
    write_gguf(out, model.metadata, plan(model, "q4_k_m"), threads=2, inputs=[weights])


if __name__ == "__main__":
    main()
