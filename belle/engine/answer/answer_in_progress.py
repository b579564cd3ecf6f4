"""The answer that is being generated: its tokens, and how they become the text, thoughts and figures that are sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from time import perf_counter

from belle.engine.answer.logprobs import LogprobReader
from belle.engine.answer.text_stream import TextStream
from belle.engine.pictures.picture_view import PictureView
from belle.engine.process.commands import Generate
from belle.engine.process.events import Done, Event, Logprobs, PictureRead, Prefill, Stats, StopReason, Text, Thinking
from belle.prompts.thinking import ThinkingStream, unopened_thought


@dataclass(slots=True)
class AnswerInProgress:
    """What has been generated for a request so far, and what of it was sent.

    Args:
        request: what is answered.
        arrived: when the request arrived, by `perf_counter`.
        prompt_tokens: tokens of its prompt; `reused_tokens` of them were in the KV cache.
        emit: takes the events.
        stream: finds stop strings and whole characters.
        thoughts: tells thoughts from the answer.
        piece: the bytes that a token adds to the text.
        logprobs: reads the probabilities of the tokens, where they were asked for.
        is_shown: False where only the text is wanted, and no events.
        drafted_tokens, accepted_tokens: as in `Stats`.
    """

    request: Generate
    arrived: float
    prompt_tokens: int
    emit: Callable[[Event], None]
    stream: TextStream
    thoughts: ThinkingStream
    piece: Callable[[int], bytes]
    logprobs: LogprobReader | None = None
    is_shown: bool = True
    reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    tokens: list[int] = field(default_factory=list)
    _unsent: list[str] = field(default_factory=list)
    _first_token_at: float | None = None
    _answer_at: float | None = None  # when the answer began, after the thoughts

    def tell_progress(self, read: int, seconds_left: float | None) -> None:
        """So many tokens of the prompt, from the first on, are in the KV cache."""
        reused = self.reused_tokens
        self.emit(Prefill(self.request.id, read - reused, self.prompt_tokens - reused, reused, seconds_left))

    def tell_picture(self, view: PictureView, seconds: float) -> None:
        """A picture of the prompt is in the KV cache, which took so long."""
        sizes = view.width, view.height, view.read_width, view.read_height
        self.emit(PictureRead(self.request.id, view.path, *sizes, len(view.tokens), seconds))

    def begin(self) -> None:
        """A token is there; the first one's time counts."""
        if self._first_token_at is None:
            self._first_token_at = perf_counter()

    def add(self, token: int) -> None:
        """A token of the answer, sent with the next `send`."""
        self.tokens.append(token)
        self._unsent.append(self.stream.feed(self.piece(token)))

    def send(self) -> None:
        """Send what is whole of the text so far."""
        self._send(last=False)

    def close(self, reason: StopReason) -> None:
        """Send the rest; no token comes any more."""
        self._unsent.append(self.stream.finish(cut=reason not in ("end", "stop_string")))
        self._send(last=True)

    def done(self, reason: StopReason, *, context_used: int, n_threads: int) -> Done:
        """The end of it, after `close`."""
        now, request, thoughts = perf_counter(), self.request, self.thoughts
        stats = Stats(
            prompt_tokens=self.prompt_tokens,
            reused_tokens=self.reused_tokens,
            completion_tokens=len(self.tokens),
            ttft_s=None if self._first_token_at is None else self._first_token_at - self.arrived,
            tokens_per_s=self._speed(now),
            context_used=context_used,
            n_threads=n_threads,
            drafted_tokens=self.drafted_tokens,
            accepted_tokens=self.accepted_tokens,
        )
        seconds = None
        if thoughts.thinking and self._first_token_at is not None:
            seconds = (self._answer_at or now) - self._first_token_at
        thinking, text = thoughts.thinking, thoughts.text
        if not thinking and not request.continue_last and request.prompt is None:
            thinking, text = unopened_thought(text) or (thinking, text)
        return Done(request.id, reason, text, stats, thinking, seconds)

    def _send(self, *, last: bool) -> None:
        parts = self.thoughts.feed("".join(self._unsent)) + (self.thoughts.finish() if last else [])
        self._unsent.clear()
        for is_thought, group in groupby(parts, key=lambda part: part.is_thought):
            text = "".join(part.text for part in group)
            if not is_thought and self._answer_at is None:
                self._answer_at = perf_counter()
            if self.logprobs is not None:
                logprobs = self.logprobs.take()
                if logprobs and not is_thought:  # those of a thought are not sent
                    self.emit(Logprobs(self.request.id, logprobs))
            if self.is_shown:
                self.emit((Thinking if is_thought else Text)(self.request.id, text))

    def _speed(self, now: float) -> float | None:
        """Tokens per second of decoding: those after the first, in the time since the first."""
        if self._first_token_at is None or len(self.tokens) < 2:
            return None
        return (len(self.tokens) - 1) / max(now - self._first_token_at, 1e-9)
