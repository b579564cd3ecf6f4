"""Embeddings: a text as one vector, by the pooling that the model's file asks for, else the mean of its tokens.

The context is one of its own, beside that of the chat, and only as large as the texts that came so far; it is made with
the first of them. llama.cpp pools what it computes at once, for which a long text would need gigabytes. So the text is
read in chunks, each token's vector is taken, and the pooling, which is no more than a mean, is done here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from belle.engine.llama.context import StopFlag
from belle.engine.llama.memory import N_UBATCH
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError

_SMALLEST_CONTEXT = 512
_ABORTED = 2
_POOLS_LAST, _POOLS_FIRST = llama.LLAMA_POOLING_TYPE_LAST, llama.LLAMA_POOLING_TYPE_CLS


class Embedder:
    """Makes embeddings with a loaded model. Belongs to one thread. To be closed before the model.

    Args:
        model: outlives it.
        threads: for evaluation.
        stop: interrupts it.
        log: where llama.cpp's reasons are found.
    """

    def __init__(self, model: Model, *, threads: int, stop: StopFlag, log: NativeLog) -> None:
        self._model = model
        self._threads = threads
        self._stop = stop
        self._log = log
        self._context: Any = None
        self._n_ctx = 0
        self._n_embd: int = llama.llama_model_n_embd(model.handle)

    def embed(self, tokens: Sequence[int]) -> tuple[float, ...]:
        """A vector of length 1 `[n_embd]`.

        Raises KnownError: `prompt_too_long`, `out_of_memory`, `backend_error`, and `stopped` by the flag.
        """
        if len(tokens) > self._model.n_ctx_train:
            most = self._model.n_ctx_train
            message = f"The text is too long to be embedded: {len(tokens):,} tokens, and the model reads {most:,}."
            raise KnownError("prompt_too_long", message, "Embed it in parts.", prompt_tokens=len(tokens), n_ctx=most)
        if len(tokens) > self._n_ctx:
            self._open(len(tokens))
        llama.llama_memory_clear(llama.llama_get_memory(self._context), False)
        pooling = _pooling(self._model)
        total, last = np.zeros(self._n_embd, np.float64), np.zeros(self._n_embd, np.float64)
        for start in range(0, len(tokens), N_UBATCH):
            vectors = self._evaluate(tokens[start : start + N_UBATCH])  # [chunk, n_embd]
            if start == 0 and pooling == _POOLS_FIRST:
                total = vectors[0].astype(np.float64)
                break
            total += vectors.sum(axis=0, dtype=np.float64)
            last = vectors[-1].astype(np.float64)
        vector = last if pooling == _POOLS_LAST else total
        length = float(np.linalg.norm(vector))
        return tuple((vector / length if length else vector).tolist())

    def close(self) -> None:
        """Free the memory."""
        if self._context is not None:
            llama.llama_free(self._context)
        self._context, self._n_ctx = None, 0

    def _open(self, n_tokens: int) -> None:
        self.close()
        n_ctx = max(_SMALLEST_CONTEXT, 1 << (n_tokens - 1).bit_length())
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, N_UBATCH, N_UBATCH
        params.embeddings, params.pooling_type = True, llama.LLAMA_POOLING_TYPE_NONE
        params.n_threads = params.n_threads_batch = self._threads
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._log.errors()
        self._context = llama.llama_init_from_model(self._model.handle, params)
        if self._context is None:
            message = f"There is no memory to embed a text of {n_tokens:,} tokens."
            raise KnownError("out_of_memory", message, "Embed it in parts.", log=self._log.reason())
        llama.llama_set_abort_callback(self._context, *self._stop.callback)
        self._n_ctx = n_ctx

    def _evaluate(self, tokens: Sequence[int]) -> Any:
        if self._stop:
            raise KnownError("stopped", "The embedding was stopped.")
        ids = (llama.llama_token * len(tokens))(*tokens)
        status = llama.llama_decode(self._context, llama.llama_batch_get_one(ids, len(tokens)))
        if status == _ABORTED:
            raise KnownError("stopped", "The embedding was stopped.")
        if status:
            message = f"llama.cpp could not embed {len(tokens)} tokens (llama_decode returned {status})."
            raise KnownError("backend_error", message, "Try again.", status=status, log=self._log.reason())
        pointer = ctypes.cast(llama.llama_get_embeddings(self._context), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (len(tokens), self._n_embd))


def _pooling(model: Model) -> int:
    """What the model's file asks for (`enum llama_pooling_type`), -1 where it does not."""
    buffer = ctypes.create_string_buffer(64)
    for number in range(llama.llama_model_meta_count(model.handle)):
        llama.llama_model_meta_key_by_index(model.handle, number, buffer, len(buffer))
        if buffer.value.endswith(b".pooling_type"):
            llama.llama_model_meta_val_str_by_index(model.handle, number, buffer, len(buffer))
            return int(buffer.value) if buffer.value.isdigit() else -1
    return -1
