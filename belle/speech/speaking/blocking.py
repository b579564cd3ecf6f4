"""Reading aloud for programs that can wait for it: the terminal, tests.

with open_speaking() as speaking:
    for event in speaking.speak(Speak(1, ("你好。",))):
        ...
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from belle.engine.process.events import Died, Failed
from belle.errors import KnownError
from belle.speech.speaking.client import SpeakingClient
from belle.speech.speaking.commands import ListVoices, Speak
from belle.speech.speaking.events import ReadingEnded, SpeakingEvent, VoiceList

_POLL_S = 1.0


class BlockingSpeaking:
    """Reads aloud. `client` is the worker's client."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[SpeakingEvent | Died] = queue.SimpleQueue()
        self.client = SpeakingClient(self._events.put)

    def voices(self, model: str = "") -> VoiceList:
        """The voices that can speak. Raises KnownError."""
        self.client.send(ListVoices(model))
        while True:
            event = self._next(None)
            if isinstance(event, VoiceList):
                return event

    def speak(self, request: Speak) -> Iterator[SpeakingEvent]:
        """The events of a reading, `ReadingEnded` last. KeyboardInterrupt stops it, a second one is raised.

        Raises KnownError, also when the worker dies; the next request starts another one.
        """
        self.client.send(request)
        stopping = False
        while True:
            try:
                event = self._next(request.id)
                if getattr(event, "id", None) != request.id:
                    continue
                yield event
                if isinstance(event, ReadingEnded):
                    return
            except KeyboardInterrupt:
                if stopping:
                    raise
                stopping = True
                self.client.stop(request.id)

    def _next(self, request_id: int | None) -> SpeakingEvent:
        """The next event. Raises KnownError for `Died`, and for `Failed` of this request."""
        while True:
            alive = self.client.alive  # before the wait: `Died` may still come from a process that has just ended
            try:
                event = self._events.get(timeout=_POLL_S)
            except queue.Empty:
                if not alive:
                    raise KnownError("died", "The process that speaks has ended.", "Try it again.") from None
                continue
            if isinstance(event, Failed) and event.id in (None, request_id):
                raise KnownError(event.kind, event.message, event.advice, **event.details)
            if isinstance(event, Died):
                raise KnownError(event.kind, event.message, event.advice, returncode=event.returncode, log=event.log)
            return event


@contextmanager
def open_speaking() -> Iterator[BlockingSpeaking]:
    """Reading aloud, whose process is ended afterwards."""
    speaking = BlockingSpeaking()
    try:
        yield speaking
    finally:
        speaking.client.close()
