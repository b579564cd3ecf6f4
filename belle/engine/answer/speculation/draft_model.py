"""A draft model: a smaller model of the same vocabulary, which guesses what the larger one will say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from belle.engine.llama.context import N_BATCH, BatchPart, Context, StopFlag
from belle.engine.llama.model import Model, Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError
from belle.gguf.reader import read_header


class DraftModel:
    """A loaded draft model with its own KV cache, on the CPU. To be closed.

    Args:
        path: a GGUF.
        vocabulary: of the model that answers.
        n_ctx: tokens that its context holds.
        threads: that it computes with, while the model that answers waits.
        stop: interrupts evaluations, as those of the model that answers.
        log: of llama.cpp.

    Attributes:
        guess_seconds: what a guess takes; None before the first.

    Raises KnownError("draft_mismatch") for another vocabulary, and those of loading a model.
    """

    guess_seconds: float | None = None

    def __init__(
        self, path: Path, vocabulary: Vocabulary, n_ctx: int, *, threads: int, stop: StopFlag, log: NativeLog
    ) -> None:
        header = read_header(path)
        self._model = Model(header.path, n_gpu_layers=0, log=log, on_progress=lambda _: True)
        try:
            check_vocabulary(header.path.name, self._model.vocabulary, vocabulary)
            self._context = Context(self._model, n_ctx, on_gpu=False, stop=stop, log=log)
            self._context.set_threads(threads, threads)
        except KnownError:
            self._model.close()
            raise

    def guess(self, text: Sequence[int], most: int) -> tuple[int, ...]:
        """The `most` likeliest tokens after `text`, one after the other. Raises Interrupted, KnownError."""
        context = self._context
        most = min(most, context.n_ctx - len(text))
        if most < 1:
            return ()
        (sequence,) = context.sequences
        read = sequence.keep_prefix(text[:-1])
        for start in range(read, len(text) - 1, N_BATCH):
            context.evaluate(BatchPart(sequence, text[start : min(start + N_BATCH, len(text) - 1)]))
        began, guesses = perf_counter(), [text[-1]]
        while len(guesses) <= most:
            context.evaluate(BatchPart(sequence, guesses[-1:]))
            guesses.append(int(context.logits(sequence.rows[-1]).argmax()))
        self.guess_seconds = (perf_counter() - began) / most
        return tuple(guesses[1:])

    def close(self) -> None:
        """Free the memory."""
        self._context.close()
        self._model.close()


def check_vocabulary(name: str, draft: Vocabulary, target: Vocabulary) -> None:
    """Check that two vocabularies are the same: a number has to mean the same text to both models.

    Raises KnownError("draft_mismatch").
    """
    difference = _difference(draft, target)
    if difference:
        raise KnownError(
            "draft_mismatch",
            f"{name} cannot guess for this model: {difference}.",
            "Choose a smaller model of the same family and generation, or none.",
        )


def _difference(draft: Vocabulary, target: Vocabulary) -> str:
    if draft.size != target.size:
        return f"its vocabulary has {draft.size:,} tokens, not {target.size:,}"
    for token in range(target.size):
        if draft.text(token) != target.text(token):
            return f"its token {token:,} is “{draft.text(token)}”, not “{target.text(token)}”"
        if draft.is_control(token) != target.is_control(token) or draft.ends_answer(token) != target.ends_answer(token):
            return f"its token {token:,}, “{target.text(token)}”, is of another kind"
    return ""
