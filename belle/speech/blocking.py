"""Speech recognition for programs that can wait for it: the terminal, measurements, tests.

with open_speech(LoadSpeech("ggml-base.bin")) as speech:
    for event in speech.transcribe(Transcribe(1, "question.wav", language="zh")):
        ...
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from belle.engine.process.events import Died, Failed
from belle.errors import KnownError
from belle.speech.client import SpeechClient
from belle.speech.commands import LoadSpeech, Transcribe
from belle.speech.events import SpeechEvent, SpeechModel, SpeechReady, Transcribed
from belle.speech.library import check_usable

_POLL_S = 1.0


class BlockingSpeech:
    """A loaded model. `client` is the worker's client."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[SpeechEvent | Died] = queue.SimpleQueue()
        self.client = SpeechClient(self._events.put)

    def load(self, command: LoadSpeech) -> SpeechModel:
        """Load a model. Raises KnownError."""
        check_usable()
        self._forget_events()
        self.client.load(command)
        while True:
            event = self._next(None)
            if isinstance(event, SpeechReady):
                return event.model

    def transcribe(self, request: Transcribe) -> Iterator[SpeechEvent]:
        """The events of a recording, `Transcribed` last. KeyboardInterrupt stops it, a second one is raised.

        Raises KnownError, also when the worker dies; the next request starts another one.
        """
        self._forget_events()
        self.client.transcribe(request)
        stopping = False
        while True:
            try:
                event = self._next(request.id)
                if getattr(event, "id", None) != request.id:
                    continue
                yield event
                if isinstance(event, Transcribed):
                    return
            except KeyboardInterrupt:
                if stopping:
                    raise
                stopping = True
                self.client.stop(request.id)

    def _forget_events(self) -> None:
        """What is left of requests that were given up, and of a worker that died meanwhile."""
        while not self._events.empty():
            self._events.get()

    def _next(self, request_id: int | None) -> SpeechEvent:
        """The next event. Raises KnownError for `Died`, and for `Failed` of this request or of a load (None)."""
        while True:
            alive = self.client.alive  # before the wait: `Died` may still come from a process that has just ended
            try:
                event = self._events.get(timeout=_POLL_S)
            except queue.Empty:
                if not alive:
                    raise KnownError("no_model", "The speech process has ended.", "Load the model again.") from None
                continue
            if isinstance(event, Failed) and event.id in (None, request_id):
                raise KnownError(event.kind, event.message, event.advice, **event.details | {"request_id": event.id})
            if isinstance(event, Died):
                raise KnownError(event.kind, event.message, event.advice, returncode=event.returncode, log=event.log)
            return event


@contextmanager
def open_speech(load: LoadSpeech) -> Iterator[BlockingSpeech]:
    """Start a speech worker with a model, and end it afterwards. Raises KnownError when it cannot be loaded."""
    speech = BlockingSpeech()
    try:
        speech.load(load)
        yield speech
    finally:
        speech.client.close()
