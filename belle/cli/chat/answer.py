"""One answer in the terminal: sends the request, shows the progress of prefill, passes on the text as it arrives."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.engine.process.blocking import BlockingEngine
from belle.engine.process.protocol import ContextCut, Done, Event, Generate, Overflow, Prefill, Sampling, Text, Thinking
from belle.prompts import Message

_LONG_PREFILL = 256
"""From this number of new tokens on, the progress of prefill is shown."""


class Answerer:
    """The engine, with the settings that all answers have in common."""

    def __init__(
        self,
        engine: BlockingEngine,
        terminal: Terminal,
        *,
        sampling: Sampling,
        max_tokens: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool | None = None,
    ) -> None:
        self.engine = engine
        self._terminal = terminal
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._stop = stop
        self._thinking = thinking
        self._ids = itertools.count(1)

    def answer(
        self, messages: Sequence[Message], *, write: Callable[[str], None] | None, overflow: Overflow = "refuse"
    ) -> Done:
        """Answer a conversation; Ctrl-C stops the answer, whose `Done` then has the reason `stopped`.

        Args:
            write: called with the pieces of the text, while thoughts go to the terminal; None to show nothing.

        Raises KnownError, `prompt_too_long` among others.
        """
        request = Generate(
            next(self._ids),
            tuple(messages),
            sampling=self._sampling,
            max_tokens=self._max_tokens,
            stop=self._stop,
            overflow=overflow,
            thinking=self._thinking,
        )
        done: Done | None = None
        try:
            for event in self._events(request):
                if isinstance(event, Prefill):
                    self._show(event)
                elif isinstance(event, ContextCut):
                    self._terminal.note(say("cut", count=len(event.left_out)))
                elif isinstance(event, Thinking) and write is not None:
                    self._terminal.think(event.text)
                elif isinstance(event, Text) and write is not None:
                    self._terminal.clear()
                    write(event.text)
                elif isinstance(event, Done):
                    done = event
        finally:
            self._terminal.clear()
        if done is None:
            raise RuntimeError("the engine's events ended without Done")
        return done

    def _events(self, request: Generate) -> Iterator[Event]:
        """The engine's events; the first Ctrl-C stops the answer, the second raises KeyboardInterrupt.

        By a handler: a KeyboardInterrupt could be raised in the middle of writing a piece of the answer.
        """

        def on_interrupt(*_: object) -> None:
            signal.signal(signal.SIGINT, before)
            # In a thread: this handler may have interrupted the client while that holds its lock.
            threading.Thread(target=self.engine.client.stop, args=(request.id,)).start()

        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield from self.engine.generate(request)
        finally:
            signal.signal(signal.SIGINT, before)

    def _show(self, event: Prefill) -> None:
        if event.total < _LONG_PREFILL or event.done >= event.total:
            return
        percent = 100 * event.done // event.total
        if event.seconds_left is None:
            self._terminal.progress(say("prefill", percent=percent))
        else:
            self._terminal.progress(say("prefill_left", percent=percent, seconds=max(1, round(event.seconds_left))))
