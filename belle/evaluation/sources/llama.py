"""A GGUF as a source of logits: llama.cpp decodes a window chunk by chunk, its rows are read where they lie."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import llama_cpp.llama_cpp as llama
import numpy as np

from belle.engine.llama.cores import usable_cores
from belle.engine.llama.model import Model, Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError
from belle.evaluation.sources.base import Rows, Speed, chunk_rows
from belle.evaluation.sources.memory_watch import MemoryWatch
from belle.evaluation.windows import Protocol, Window

_SINGLE_TOKENS = 24
_UBATCH = 512  # llama.cpp's own


class LlamaSource:
    """See `LogitSource`. The cache is float16 and attention is llama.cpp's choice, as in its own tool.

    Args:
        path: a GGUF whose header has been checked.
        protocol: the windows that will be read.
        threads: for evaluation; 0 for one per physical core.

    Raises KnownError when llama.cpp cannot load it.
    """

    def __init__(self, path: Path, protocol: Protocol, *, threads: int = 0) -> None:
        self.name = path.name
        self.speed = Speed()
        self._watch = MemoryWatch()
        with self._watch:
            self._log = NativeLog()
            self._model = Model(path, n_gpu_layers=0, log=self._log, on_progress=lambda _: True)
            self.vocabulary: Vocabulary = self._model.vocabulary
            self.n_vocab = self.vocabulary.size
            self.n_params = self._model.n_params
            params = llama.llama_context_default_params()
            params.n_ctx = params.n_batch = protocol.n_ctx
            params.n_ubatch = min(_UBATCH, protocol.n_ctx)
            params.n_seq_max = 1
            params.n_threads = params.n_threads_batch = threads or usable_cores()[0]
            # Else room for the logits of a whole batch is set aside: 257 MB for 256 rows of 250,880.
            params.n_outputs_max = min(params.n_batch, chunk_rows(self.n_vocab))
            self._most = int(params.n_outputs_max)
            self._context = llama.llama_init_from_model(self._model.handle, params)
            if self._context is None:
                self._model.close()
                raise KnownError("out_of_memory", f"There is no memory to run {self.name}.", path=str(path))
            self._batch = llama.llama_batch_init(protocol.n_ctx, 0, 1)
        n_ctx = protocol.n_ctx
        self._tokens, self._positions, self._wanted = (
            np.ctypeslib.as_array(pointer, (n_ctx,))
            for pointer in (self._batch.token, self._batch.pos, self._batch.logits)
        )
        for i in range(n_ctx):
            self._batch.n_seq_id[i] = 1
            self._batch.seq_id[i][0] = 0
        self._last: Sequence[int] = ()

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """See `LogitSource`."""
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        self._last = window.ids
        step = min(step, self._most)
        done, end = 0, len(window.ids)
        for start in range(window.first, end - 1, step):
            stop = min(start + step, end)
            with self._watch:
                began = perf_counter()
                self._decode(window.ids[done:stop], done, stop - start)
                # Reading waits for the logits.
                address = llama.llama_get_logits(self._context)
                self.speed.prefill_s += perf_counter() - began
            self.speed.prefill_tokens += stop - done
            self.speed.memory = self._watch.added
            done = stop
            pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
            # The last token is read to fill the tile; nobody asks what follows it.
            yield np.ctypeslib.as_array(pointer, (stop - start, self.n_vocab))[: end - 1 - start]

    def decode_speed(self) -> float | None:
        """See `LogitSource`: the median of some tokens that continue the text read last."""
        if len(self._last) < 2 * _SINGLE_TOKENS:
            return None
        # The end of the window that is in the cache is read once more.
        before = len(self._last) - _SINGLE_TOKENS
        llama.llama_memory_seq_rm(llama.llama_get_memory(self._context), 0, before, -1)
        times = []
        for position in range(before, len(self._last)):
            began = perf_counter()
            self._decode(self._last[position : position + 1], position, 1)
            llama.llama_get_logits(self._context)
            times.append(perf_counter() - began)
        return 1 / median(times)

    def close(self) -> None:
        """Free the memory."""
        if self._context is not None:
            llama.llama_batch_free(self._batch)
            llama.llama_free(self._context)
            self._model.close()
            self._context = None

    def _decode(self, ids: Sequence[int], position: int, n_outputs: int) -> None:
        n = len(ids)
        self._tokens[:n] = ids
        self._positions[:n] = np.arange(position, position + n)
        self._wanted[: n - n_outputs] = 0
        self._wanted[n - n_outputs : n] = 1
        self._batch.n_tokens = n
        status = llama.llama_decode(self._context, self._batch)
        if status:
            reason = " ".join(self._log.errors())
            raise KnownError(
                "backend_error", f"llama.cpp could not evaluate a window of {self.name} ({status}). {reason}".strip()
            )


def text_tokens(vocabulary: Vocabulary, text: str) -> list[int]:
    """A text as llama-perplexity reads it: without its last line feed, beginning with BOS where the model wants one."""
    tokens = vocabulary.tokenize(text.removesuffix("\n"))
    bos = window_bos(vocabulary)
    return tokens if bos is None else [bos, *tokens]


def window_bos(vocabulary: Vocabulary) -> int | None:
    """What every window begins with; None for models without (BLOOM)."""
    return vocabulary.bos if vocabulary.adds_bos else None
