"""Embeddings: a text as one vector, by the pooling that the model's file asks for, else the mean of its tokens.

The context is one of its own, beside that of the chat, and only as large as the texts that came so far; it is made with
the first of them. llama.cpp pools what it computes at once, for which a long text would need gigabytes. So the text is
read in chunks, each token's vector is taken, and the pooling, which is no more than a mean, is done here. Only a model
whose tokens also see those after them (BERT and its kin) has to read the whole text at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.context import Interrupted, StopFlag
from belle.engine.llama.evaluator import ContextOptions, Evaluator
from belle.engine.llama.memory import N_UBATCH
from belle.engine.llama.model import Model, Vocabulary
from belle.errors import KnownError

_SMALLEST_CONTEXT = 512
_POOLS_LAST, _POOLS_FIRST = llama.LLAMA_POOLING_TYPE_LAST, llama.LLAMA_POOLING_TYPE_CLS


class Embedder:
    """Makes embeddings with a loaded model. Belongs to one thread. To be closed before the model.

    Args:
        model: outlives it.
        threads: for evaluation.
        stop: interrupts it.
    """

    def __init__(self, model: Model, *, threads: int, stop: StopFlag) -> None:
        self._model = model
        self._is_causal = _metadata(model, b".attention.causal") != b"false"
        self._evaluator = Evaluator(model)
        self._threads = threads
        self._stop = stop

    def embed(self, tokens: Sequence[int], between: Callable[[], object] = lambda: None) -> tuple[float, ...]:
        """A vector of length 1 `[n_embd]`. `between` is called between two evaluations of a long text.

        Raises KnownError: `prompt_too_long`, `out_of_memory`, `backend_error`, and `stopped` by the flag.
        """
        if len(tokens) > self._model.n_ctx_train:
            most = self._model.n_ctx_train
            message = f"The text is too long to be embedded: {len(tokens):,} tokens, and the model reads {most:,}."
            raise KnownError("prompt_too_long", message, "Embed it in parts.", prompt_tokens=len(tokens), n_ctx=most)
        self._make_room(len(tokens))
        try:
            vector = self._pooled(tokens, between)
        except Interrupted:
            raise KnownError("stopped", "The embedding was stopped.") from None
        length = float(np.linalg.norm(vector))
        return tuple((vector / length if length else vector).tolist())

    def close(self) -> None:
        """Free the memory."""
        self._evaluator.close()

    def _pooled(self, tokens: Sequence[int], between: Callable[[], object]) -> NDArray[np.float64]:
        """The sum of the tokens' vectors, or the one that the model's file asks for `[n_embd]`. Raises Interrupted."""
        pooling = _pooling(self._model)
        total, last = np.zeros(()), np.zeros(())
        n_chunk = N_UBATCH if self._is_causal else len(tokens)
        for start in range(0, len(tokens), n_chunk):
            if start:
                between()
            if self._stop:
                raise Interrupted
            chunk = tokens[start : start + n_chunk]
            self._evaluator.decode(chunk, start, outputs=len(chunk))
            vectors = self._evaluator.embeddings().astype(np.float64)  # [chunk, n_embd]
            total, last = total + vectors.sum(axis=0), vectors[-1]
            if pooling == _POOLS_FIRST:
                total = vectors[0]
                break
        return last if pooling == _POOLS_LAST else total

    def _make_room(self, n_tokens: int) -> None:
        if n_tokens <= self._evaluator.n_ctx:
            self._evaluator.clear()
            return
        n_ctx = max(_SMALLEST_CONTEXT, 1 << (n_tokens - 1).bit_length())
        # llama.cpp ends the process where a model that is not causal gets more tokens than `n_ubatch`.
        n_batch = N_UBATCH if self._is_causal else n_ctx
        self._evaluator.open(
            ContextOptions(n_ctx=n_ctx, n_batch=n_batch, threads=self._threads, embeddings=True, stop=self._stop)
        )


def text_tokens(vocabulary: Vocabulary, text: str, longest: int | None = None) -> list[int]:
    """The tokens of a text to be embedded; of one that is longer, the first `longest`, a control token at its end kept.

    Raises KnownError("empty_prompt").
    """
    tokens = vocabulary.tokenize_whole(text)
    if not tokens:
        raise KnownError("empty_prompt", "The text is empty.", "Write something.")
    if longest is not None and len(tokens) > longest:
        end = tokens[-1:] if vocabulary.is_control(tokens[-1]) else []
        tokens = [*tokens[: longest - len(end)], *end]
    return tokens


def _pooling(model: Model) -> int:
    """What the model's file asks for (`enum llama_pooling_type`), -1 where it does not."""
    value = _metadata(model, b".pooling_type")
    return int(value) if value.isdigit() else -1


def _metadata(model: Model, ending: bytes) -> bytes:
    """The first value under a key that ends so, as llama.cpp prints it; empty where there is none."""
    buffer = ctypes.create_string_buffer(64)
    for number in range(llama.llama_model_meta_count(model.handle)):
        llama.llama_model_meta_key_by_index(model.handle, number, buffer, len(buffer))
        if buffer.value.endswith(ending):
            llama.llama_model_meta_val_str_by_index(model.handle, number, buffer, len(buffer))
            return buffer.value
    return b""
