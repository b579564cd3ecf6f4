"""Scores short continuations with a GGUF (how likely are they?), and generates greedily.

What several continuations share is evaluated once; then all of them are evaluated in one batch, each as a sequence of
its own. A beginning that two questions share (a system message, examples) stays in the KV cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from belle.engine.llama.cores import FreeCores, usable_cores
from belle.engine.llama.evaluator import ContextOptions, Entry, Evaluator
from belle.engine.llama.threads import DECODE_PACE, ThreadTuner, ladder
from belle.errors import KnownError
from belle.evaluation.metric_formulas import Row, RowReader, RowReading
from belle.evaluation.tasks.prompts import Continuations

_BATCH = 512
_ROWS = 64  # rows of logits at once: 64 MB for a vocabulary of 250,880
# In batches of whole multiples of this many tokens llama.cpp computes a token bit by bit alike. A prefix is reused only
# up to such a multiple, so that an answer does not depend on the questions before it.
_GRAIN = 8
_CONTEXT_STEP = 256


class TooLongError(Exception):
    """The sequence has more tokens than the model's training context."""


class NotFiniteError(Exception):
    """The model predicts NaN or infinity."""


class Expected(NamedTuple):
    """A continuation: its log-probability (nats), and whether each of its tokens was the likeliest."""

    log_p: float
    greedy: bool


class _TailToken(NamedTuple):
    """A token of a tail: the tail's index, the token's position, and the token that follows it."""

    tail: int
    position: int
    token: int
    target: int


class SequenceScorer:
    """A loaded model on the processor. To be closed.

    Args:
        path: a GGUF whose header has been checked.
        most_tails: continuations to be compared at once.
        threads: for evaluation; 0 to adapt the number to the free cores while it runs. The results are the same.

    Raises KnownError when llama.cpp cannot load it.
    """

    def __init__(self, path: Path, *, most_tails: int, threads: int = 0) -> None:
        self.name = path.name
        self._most_tails = most_tails
        # Questions are many small batches, in which threads wait for each other most: one without a free core is fatal.
        self._threads = ThreadTuner([threads] if threads else ladder(usable_cores()[0]), DECODE_PACE, FreeCores())
        self._evaluator = Evaluator.load(path)
        self.vocabulary = self._evaluator.model.vocabulary
        self._reader = RowReader(self.vocabulary.size)
        self._cached: list[int] = []  # what sequence 0 of the KV cache holds

    def expected(self, asked: Continuations) -> list[Expected]:
        """The log-probability of each tail after the context. Raises TooLongError, NotFiniteError, KnownError."""
        context, tails = asked.context, asked.tails
        self._reserve(len(context) + max(map(len, tails)), len(context) + sum(map(len, tails)))
        row, reading = self._after(context)
        # The context's last row predicts the first token of every tail; each further token needs a row of its own.
        log_p = [float(row[tail[0]]) - reading.log_z for tail in tails]
        greedy = [tail[0] == int(reading.top[0]) for tail in tails]
        entries = [
            _TailToken(i, len(context) + k, token, tail[k + 1])
            for i, tail in enumerate(tails)
            for k, token in enumerate(tail[:-1])
        ]
        # Sequence 0 holds the context, sequence i + 1 a copy of it (the same cells of the cache) and tail i.
        for i in {entry.tail for entry in entries}:
            self._evaluator.copy_sequence(0, i + 1)
        for start in range(0, len(entries), _ROWS):
            part = entries[start : start + _ROWS]
            self._decode([Entry(entry.token, entry.position, entry.tail + 1) for entry in part], outputs=len(part))
            for k, entry in enumerate(part):
                row, reading = self._read(k)
                log_p[entry.tail] += float(row[entry.target]) - reading.log_z
                greedy[entry.tail] &= entry.target == int(reading.top[0])
        for i in range(len(tails)):
            self._evaluator.drop_sequence(i + 1)
        return [Expected(*both) for both in zip(log_p, greedy, strict=True)]

    def generate(
        self, prompt: Sequence[int], most: int, stop: Sequence[str] = (), until: Callable[[str], bool] = lambda _: False
    ) -> str:
        """Generate greedily: the likeliest token at every step.

        Args:
            prompt: token ids.
            most: tokens to generate.
            stop: strings that end the text and are no part of it; white space before the text is ignored.
            until: called with the text so far; True ends it.

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
            self._decode([Entry(token, len(self._cached), 0)], outputs=1)
            self._cached.append(token)
            _, reading = self._read(0)
        return written.decode("utf-8", "ignore").strip()

    def close(self) -> None:
        """Free the memory."""
        self._evaluator.close()

    def _after(self, tokens: Sequence[int]) -> tuple[Row, RowReading]:
        """Evaluate `tokens`, reusing the prefix in the cache; returns the logits after them, `[n_vocab]`."""
        last = len(tokens) - 1
        shared = 0
        while shared < min(last, len(self._cached)) and self._cached[shared] == tokens[shared]:
            shared += 1
        start = self._evaluator.cut(shared - shared % _GRAIN)
        self._cached = list(tokens[:start])
        self._threads.begin()
        self._evaluator.set_threads(self._threads.count)
        # Whole grains, then the rest in a batch of its own, always split at the same position.
        whole = start + (last - start) // _GRAIN * _GRAIN
        for at, stop in [*((i, min(i + _BATCH, whole)) for i in range(start, whole, _BATCH)), (whole, last + 1)]:
            self._decode([Entry(tokens[i], i, 0) for i in range(at, stop)], outputs=int(stop > last))
            self._cached += tokens[at:stop]
        return self._read(0)

    def _read(self, output: int) -> tuple[Row, RowReading]:
        """An output of the last batch, valid until the next."""
        row = self._logits[output]
        reading = self._reader.read(row)
        if not np.isfinite(reading.log_z):
            raise NotFiniteError
        return row, reading

    def _decode(self, entries: Sequence[Entry], *, outputs: int) -> None:
        began = perf_counter()
        try:
            self._evaluator.decode_entries(entries, outputs=outputs)
        except KnownError:
            self._cached = []
            raise
        # Only batches of one token take comparable times.
        if len(entries) == 1 and self._threads.observe(perf_counter() - began):
            self._evaluator.set_threads(self._threads.count)
        if outputs:
            self._logits = self._evaluator.logits()

    def _reserve(self, longest: int, cells: int) -> None:
        """Make room for `cells` tokens, of which at most `longest` follow each other."""
        n_ctx_train = self._evaluator.model.n_ctx_train
        if n_ctx_train and longest > n_ctx_train:
            raise TooLongError
        if cells <= self._evaluator.n_ctx:
            return
        self._cached = []
        self._evaluator.open(
            # Without flash attention: on a CPU its results depend on the number of rows and threads.
            ContextOptions(
                n_ctx=-(-cells // _CONTEXT_STEP) * _CONTEXT_STEP,
                n_batch=_BATCH,
                n_outputs=_ROWS,
                n_sequences=1 + self._most_tails,
                threads=self._threads.count,
            )
        )
