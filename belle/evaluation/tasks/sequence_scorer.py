"""A GGUF that is asked short questions: how likely are these continuations, and what does it write by itself?

What several continuations share is read once; then all of them are read in one batch, each as a sequence of its own.
Between two questions the beginning that they share (a system message, examples) stays in the KV cache.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import llama_cpp.llama_cpp as llama
import numpy as np

from belle.engine.llama.cores import FreeCores, usable_cores
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.llama.threads import DECODE_PACE, ThreadTuner, ladder
from belle.errors import KnownError
from belle.evaluation.statistics import Reading, Row, RowReader
from belle.evaluation.tasks.prompts import Continuations

_BATCH = 512
_ROWS = 64  # rows of logits at once: 64 MB for a vocabulary of 250,880
# llama.cpp computes a token alike in all batches of whole multiples of this. What is kept of the KV cache ends there,
# and so an answer does not depend on what was asked before.
_GRAIN = 8
_CONTEXT_STEP = 256


class TooLongError(Exception):
    """More tokens than the model was trained for."""


class NotFiniteError(Exception):
    """The model predicts NaN or infinity."""


class Expected(NamedTuple):
    """How a model expects a continuation: its log-probability (nats), and whether each token was the likeliest."""

    log_p: float
    greedy: bool


class _Entry(NamedTuple):
    """A token of a tail: whose it is, where it stands, and the token that follows it."""

    tail: int
    position: int
    token: int
    target: int


class SequenceScorer:
    """A loaded model on the processor. To be closed.

    Args:
        path: a GGUF whose header has been checked.
        most_tails: continuations to be compared at once.
        threads: for evaluation; 0 for as many as find free cores, tried out while it runs. The results are the same.

    Raises KnownError when llama.cpp cannot load it.
    """

    def __init__(self, path: Path, *, most_tails: int, threads: int = 0) -> None:
        self.name = path.name
        self._most_tails = most_tails
        # Questions are read in many small batches, for which threads without a core of their own are a disaster.
        self._threads = ThreadTuner([threads] if threads else ladder(usable_cores()[0]), DECODE_PACE, FreeCores())
        self._log = NativeLog()
        self._model = Model(path, n_gpu_layers=0, log=self._log, on_progress=lambda _: True)
        self.vocabulary = self._model.vocabulary
        self._reader = RowReader(self.vocabulary.size)
        self._batch = llama.llama_batch_init(_BATCH, 0, 1)
        self._context: Any = None
        self._n_ctx = 0
        self._held: list[int] = []

    def expected(self, asked: Continuations) -> list[Expected]:
        """How each tail is expected after the context. Raises TooLongError, NotFiniteError, KnownError."""
        context, tails = asked.context, asked.tails
        self._reserve(len(context) + max(map(len, tails)), len(context) + sum(map(len, tails)))
        row, reading = self._after(context)
        log_p = [float(row[tail[0]]) - reading.log_z for tail in tails]
        greedy = [tail[0] == int(reading.top[0]) for tail in tails]
        entries = [
            _Entry(i, len(context) + k, token, tail[k + 1])
            for i, tail in enumerate(tails)
            for k, token in enumerate(tail[:-1])
        ]
        memory = llama.llama_get_memory(self._context)
        for i in {entry.tail for entry in entries}:
            llama.llama_memory_seq_cp(memory, 0, i + 1, -1, -1)
        for start in range(0, len(entries), _ROWS):
            part = entries[start : start + _ROWS]
            self._decode([(entry.token, entry.position, entry.tail + 1) for entry in part], outputs=len(part))
            for k, entry in enumerate(part):
                row, reading = self._read(k)
                log_p[entry.tail] += float(row[entry.target]) - reading.log_z
                greedy[entry.tail] &= entry.target == int(reading.top[0])
        for i in range(len(tails)):
            llama.llama_memory_seq_rm(memory, i + 1, -1, -1)
        return [Expected(*both) for both in zip(log_p, greedy, strict=True)]

    def generate(
        self, prompt: Sequence[int], most: int, stop: Sequence[str] = (), until: Callable[[str], bool] = lambda _: False
    ) -> str:
        """The likeliest next token, again and again.

        Args:
            prompt: token ids.
            most: tokens to generate.
            stop: texts that end it; white space in front does not count as an answer. They are no part of it.
            until: is shown the text and says whether it is enough.

        Raises TooLongError, NotFiniteError, KnownError.
        """
        self._reserve(len(prompt) + most, len(prompt) + most)
        _, reading = self._after(prompt)
        written = b""
        for _ in range(most):
            token = int(reading.top[0])
            if self.vocabulary.ends_answer(token):
                break
            written += self.vocabulary.piece(token)
            text = written.decode("utf-8", "ignore").lstrip()
            ends = [text.index(end) for end in stop if end in text]
            if ends:
                return text[: min(ends)]
            if until(text):
                break
            self._decode([(token, len(self._held), 0)], outputs=1)
            self._held.append(token)
            _, reading = self._read(0)
        return written.decode("utf-8", "ignore").strip()

    def close(self) -> None:
        """Free the memory."""
        if self._model.handle is not None:
            llama.llama_batch_free(self._batch)
            self._free_context()
            self._model.close()

    def _after(self, tokens: Sequence[int]) -> tuple[Row, Reading]:
        """The logits after `tokens`, which are then what the cache holds."""
        last = len(tokens) - 1
        kept = 0
        while kept < min(last, len(self._held)) and self._held[kept] == tokens[kept]:
            kept += 1
        kept -= kept % _GRAIN
        memory = llama.llama_get_memory(self._context)
        if not llama.llama_memory_seq_rm(memory, 0, kept, -1):
            # Recurrent models cannot take back a part of what they read.
            llama.llama_memory_clear(memory, False)
            kept = 0
        self._held = list(tokens[:kept])
        self._threads.begin()
        self._use_threads()
        whole = kept + (last - kept) // _GRAIN * _GRAIN
        for start, stop in [*((at, min(at + _BATCH, whole)) for at in range(kept, whole, _BATCH)), (whole, last + 1)]:
            self._decode([(tokens[i], i, 0) for i in range(start, stop)], outputs=int(stop > last))
            self._held += tokens[start:stop]
        return self._read(0)

    def _read(self, output: int) -> tuple[Row, Reading]:
        """An output of the last batch, valid until the next."""
        row = self._logits[output]
        reading = self._reader.read(row)
        if not np.isfinite(reading.log_z):
            raise NotFiniteError
        return row, reading

    def _decode(self, entries: Sequence[tuple[int, int, int]], *, outputs: int) -> None:
        """Read (token, position, sequence), with the logits of the last `outputs` of them."""
        batch, n = self._batch, len(entries)
        for i, (token, position, sequence) in enumerate(entries):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
            batch.logits[i] = i >= n - outputs
        batch.n_tokens = n
        began = perf_counter()
        status = llama.llama_decode(self._context, batch)
        # Batches of one token are alike enough to be compared.
        if n == 1 and self._threads.observe(perf_counter() - began):
            self._use_threads()
        if status:
            self._held = []
            llama.llama_memory_clear(llama.llama_get_memory(self._context), False)
            reason = " ".join(self._log.errors())
            raise KnownError(
                "backend_error",
                f"llama.cpp could not evaluate a question with {self.name} ({status}). {reason}".strip(),
            )
        if outputs:
            pointer = ctypes.cast(llama.llama_get_logits(self._context), ctypes.POINTER(ctypes.c_float))
            self._logits = np.ctypeslib.as_array(pointer, (outputs, self.vocabulary.size))

    def _reserve(self, longest: int, cells: int) -> None:
        """Make room for `cells` tokens, of which at most `longest` follow each other."""
        if self._model.n_ctx_train and longest > self._model.n_ctx_train:
            raise TooLongError
        if cells <= self._n_ctx:
            return
        self._free_context()
        params = llama.llama_context_default_params()
        params.n_ctx = self._n_ctx = -(-cells // _CONTEXT_STEP) * _CONTEXT_STEP
        params.n_batch = params.n_ubatch = _BATCH
        params.n_seq_max = 1 + self._most_tails
        params.kv_unified = True
        params.n_outputs_max = _ROWS
        params.n_threads = params.n_threads_batch = self._threads.count
        # On a processor its results depend on the number of rows and threads.
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = llama.llama_init_from_model(self._model.handle, params)
        if self._context is None:
            raise KnownError(
                "out_of_memory",
                f"There is no memory to run {self.name} with {self._n_ctx:,} tokens.",
                n_ctx=self._n_ctx,
            )

    def _use_threads(self) -> None:
        llama.llama_set_n_threads(self._context, self._threads.count, self._threads.count)

    def _free_context(self) -> None:
        if self._context is not None:
            llama.llama_free(self._context)
        self._context, self._held, self._n_ctx = None, [], 0
