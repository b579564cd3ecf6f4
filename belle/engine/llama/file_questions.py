"""What only llama.cpp can tell about a file. To be called through `belle.engine.process.native_calls.call`."""

from __future__ import annotations

from pathlib import Path

from belle.engine.llama.cores import usable_cores
from belle.engine.llama.evaluator import ContextOptions, Evaluator
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog

_SMALLEST_CONTEXT = 8


def token_ids(path: str, texts: list[str]) -> list[list[int]]:
    """The ids of each text with the vocabulary of a GGUF, without any at the beginning or end.

    What looks like a control token stays text; the file's tensors are not loaded. Raises KnownError when llama.cpp
    does not load the vocabulary.
    """
    model = Model(
        Path(path), n_gpu_layers=0, log=NativeLog(), on_progress=lambda _: True, vocabulary_only=True, as_on_disk=True
    )
    try:
        return [model.vocabulary.tokenize(text) for text in texts]
    finally:
        model.close()


def read_one_token(path: str) -> int:
    """Load a GGUF and evaluate one token, which passes through all layers; returns that token.

    The file is mapped, and nothing is copied: little more memory is needed than for the activations of one token.

    Raises KnownError when llama.cpp cannot load the model or compute with it.
    """
    with Evaluator.load(Path(path), as_on_disk=True) as evaluator:
        threads = usable_cores()[0]
        evaluator.open(ContextOptions(n_ctx=_SMALLEST_CONTEXT, n_batch=1, threads=threads, flash_attention="auto"))
        token = evaluator.model.vocabulary.bos or 0
        evaluator.decode([token], 0, outputs=1)
        return token
