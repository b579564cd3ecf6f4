"""What an answer needs of the model from one step to the next.

An answer is a generator. It yields what has to be evaluated before it can go on, and is resumed when that has been
done, alone or in one batch with what other answers need. So an answer never evaluates anything itself, and the same
code makes one answer alone and several at once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from belle.engine.answer.answer_in_progress import AnswerInProgress
from belle.engine.llama.kv_sequence import KvSequence
from belle.engine.pictures.picture_view import PictureView

_PROGRESS_S = 0.15

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class PromptReading:
    """The answer goes on when its sequence is exactly `prompt`, with the logits after the last token.

    Args:
        prompt: its tokens. None at all is an empty sequence.
        answer: is told of the progress; None where a prompt is read that was read before.
    """

    prompt: Sequence[int]
    answer: AnswerInProgress | None = None
    _told_at: float = 0.0
    _seeing_s: float = 0.0

    def begin(self, reused: int) -> None:
        """So many tokens of it were in the KV cache."""
        if self.answer is not None:
            self.answer.reused_tokens = reused

    def gain(self, tokens: int) -> None:
        """So many more have been read for another answer meanwhile."""
        if self.answer is not None:
            self.answer.reused_tokens += tokens

    def seen(self, view: PictureView, tile: int, seconds: float) -> None:
        """A tile of a picture is in the KV cache, which took so long. The last one of its picture is told."""
        self._seeing_s += seconds
        if tile == len(view.runs) - 1:
            seconds, self._seeing_s = self._seeing_s, 0.0
            if self.answer is not None:
                self.answer.tell_picture(view, seconds)

    def tell(self, read: int, seconds_left: float | None) -> None:
        """So many tokens, from the first on, are in the KV cache now. Not every call is an event."""
        is_whole = read == len(self.prompt)
        if self.answer is not None and (is_whole or perf_counter() - self._told_at >= _PROGRESS_S):
            self._told_at = perf_counter()
            self.answer.tell_progress(read, 0.0 if is_whole else seconds_left)


Step = PromptReading | tuple[int, ...]
"""A prompt to be read, or tokens to be added to it, with the logits after each of them."""

Steps = Generator[Step, None, T]
"""An answer, or a part of one, in steps. Interrupted or a KnownError is raised at a step that was not done."""


class AnswerSlot:
    """Where the tokens of a request are. `held` is None before its prompt is read, and while it gives way to others."""

    def __init__(self) -> None:
        self.held: KvSequence | None = None

    @property
    def sequence(self) -> KvSequence:
        """Its tokens in the context, after a step was done."""
        if self.held is None:
            raise RuntimeError("an answer went on without a sequence")
        return self.held

    @property
    def n_tokens(self) -> int:
        """How many of its tokens are in the context."""
        return len(self.held.tokens) if self.held else 0
