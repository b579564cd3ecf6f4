"""One answer in the terminal: sends the request, shows the progress of prefill, passes on the text as it arrives."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from belle.cli.chat.settings import AnswerSettings
from belle.cli.chat.transcript import ChatPrompt
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.engine.process.blocking import BlockingEngine
from belle.engine.process.commands import Generate, ListTemplates
from belle.engine.process.events import ContextCut, Done, Event, PictureRead, Prefill, Summarised, Text, Thinking
from belle.errors import KnownError
from belle.prompts import Message

if TYPE_CHECKING:
    from belle.dialogue.turn_record import TurnRecord

_LONG_PREFILL = 256
"""From this number of new tokens on, the progress of prefill is shown."""
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of an answer.

    Args:
        left_out: indices of the messages that the prompt did not contain.
        summary: that the prompt contained in their place; empty for none.
        new_summary: the same where it was made for this prompt; empty where it was made before.
        record: how a strategy came to the answer; None where none was used.
    """

    done: Done
    left_out: tuple[int, ...] = ()
    summary: str = ""
    new_summary: str = ""
    record: TurnRecord | None = None


class Answerer:
    """The engine, with the settings that all answers have in common. `settings` may be replaced between answers."""

    def __init__(self, engine: BlockingEngine, terminal: Terminal, settings: AnswerSettings) -> None:
        self.engine = engine
        self.settings = settings
        self._terminal = terminal
        self._ids = itertools.count(1)

    def answer(
        self,
        prompt: ChatPrompt,
        *,
        write: Callable[[str], None] | None,
        conversation: str = "",
    ) -> Answered:
        """Answer a conversation; Ctrl-C stops the answer, whose `Done` then has the reason `stopped`.

        Args:
            write: called with the pieces of the text, while thoughts go to the terminal; None to show nothing.
            conversation: the name under which the KV cache is saved; empty to save none.

        Raises KnownError, `prompt_too_long` among others, and SystemExit at the second Ctrl-C.
        """
        settings = self.settings
        request = Generate(
            next(self._ids),
            prompt.messages,
            sampling=settings.sampling,
            max_tokens=settings.max_tokens,
            stop=settings.stop,
            overflow=settings.overflow,
            thinking=settings.thinking,
            conversation=conversation,
            pinned=prompt.pinned,
            summary=prompt.summary,
            summarised=prompt.summarised,
        )
        done: Done | None = None
        left_out: tuple[int, ...] = ()
        new_summary = ""
        try:
            for event in self._events(request):
                match event:
                    case Prefill():
                        self._show(event)
                    case PictureRead():
                        self._tell_scaled(event)
                    case ContextCut():
                        left_out = event.left_out
                        key = "cut_middle" if settings.overflow == "cut_middle" else "cut"
                        self._terminal.note(say(key, count=len(left_out)))
                        if prompt.summary and set(left_out) <= set(prompt.summarised):
                            self._terminal.note(say("summarised"))
                    case Summarised():
                        new_summary = event.text
                        self._terminal.note(say("summarised"))
                    case Thinking() if write is not None:
                        self._terminal.think(event.text)
                    case Text() if write is not None:
                        self._terminal.clear()
                        write(event.text)
                    case Done():
                        done = event
        finally:
            self._terminal.clear()
        if done is None:
            raise RuntimeError("the engine's events ended without Done")
        summary = new_summary or prompt.summary if left_out else ""
        return Answered(done, left_out, summary, new_summary)

    def rendered(self, messages: Sequence[Message]) -> str:
        """What the model really reads of a conversation, with every special token. Raises KnownError."""
        options = self.engine.list_templates(ListTemplates(next(self._ids), tuple(messages)))
        option = next(option for option in options if option.id == self.engine.model.template)
        if option.problem:
            raise KnownError("template_error", option.problem, "Choose another template with --template.")
        return option.text

    def _events(self, request: Generate) -> Iterator[Event]:
        """The engine's events, until the first Ctrl-C."""

        def stop() -> None:
            # In a thread: the handler may have interrupted the client while that holds its lock.
            threading.Thread(target=self.engine.client.stop, args=(request.id,)).start()

        with stopping_at_interrupt(stop):
            yield from self.engine.generate(request)

    def _tell_scaled(self, event: PictureRead) -> None:
        """Say that a picture was seen smaller than it is."""
        if (event.read_width, event.read_height) != (event.width, event.height):
            self._terminal.clear()
            sizes = asdict(event) | {"name": Path(event.path).name}
            self._terminal.note(say("picture_read", **sizes))

    def _show(self, event: Prefill) -> None:
        if event.total < _LONG_PREFILL or event.done >= event.total:
            return
        percent = 100 * event.done // event.total
        if event.seconds_left is None:
            self._terminal.progress(say("prefill", percent=percent))
        else:
            self._terminal.progress(say("prefill_left", percent=percent, seconds=max(1, round(event.seconds_left))))


@contextmanager
def stopping_at_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, which is to end an answer, the second ends the program by SystemExit.

    By a handler: a KeyboardInterrupt could be raised in the middle of writing a piece of the answer, and the engine
    takes the first one for the wish to stop.
    """
    stopping = False

    def on_interrupt(*_: object) -> None:
        nonlocal stopping
        if stopping:
            raise SystemExit(_INTERRUPTED)
        stopping = True
        stop()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
