"""What only llama.cpp can answer about a file. To be asked through `belle.engine.process.native_calls.call`."""

from __future__ import annotations

from pathlib import Path

import llama_cpp.llama_cpp as llama

from belle.engine.llama.cores import usable_cores
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError

_SMALLEST_CONTEXT = 8


def token_ids(path: str, texts: list[str]) -> list[list[int]]:
    """The ids of each text with the vocabulary of a GGUF, without any at the beginning or end.

    What looks like a control token stays text; the file's tensors are not looked at. Raises KnownError when llama.cpp
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
    """Load a GGUF and let the model read one token, which goes through all of its layers; returns that token.

    The file is mapped, and nothing is copied: memory is needed for little more than the activations of one token.

    Raises KnownError when llama.cpp cannot load the model or compute with it.
    """
    log = NativeLog()
    model = Model(Path(path), n_gpu_layers=0, log=log, on_progress=lambda _: True, as_on_disk=True)
    try:
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = _SMALLEST_CONTEXT, 1, 1, 1
        params.n_threads = params.n_threads_batch = usable_cores()[0]
        context = llama.llama_init_from_model(model.handle, params)
        if context is None:
            raise KnownError("backend_error", f"llama.cpp makes no context: {_reason(log)}.")
        try:
            ids = (llama.llama_token * 1)(model.vocabulary.bos or 0)
            status = llama.llama_decode(context, llama.llama_batch_get_one(ids, 1))
            if status:
                raise KnownError("backend_error", f"llama.cpp could not compute ({status}): {_reason(log)}.")
            return int(ids[0])
        finally:
            llama.llama_free(context)
    finally:
        model.close()


def _reason(log: NativeLog) -> str:
    return " ".join(line.strip() for line in log.errors()) or "it does not say why"
