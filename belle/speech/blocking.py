"""Speech recognition for programs that can wait for it: the terminal, measurements, tests.

with open_speech(LoadSpeech("ggml-base.bin")) as speech:
    for event in speech.transcribe(Transcribe(1, "question.wav", language="zh")):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from belle.errors import KnownError
from belle.speech.blocking_requests import BlockingRequests
from belle.speech.client import SpeechClient
from belle.speech.commands import LoadSpeech, Transcribe
from belle.speech.events import SpeechEvent, SpeechModel, SpeechReady, Transcribed
from belle.speech.library import check_usable

_HAS_ENDED = KnownError("no_model", "The speech process has ended.", "Load the model again.")


class BlockingSpeech:
    """A loaded model. `client` is the worker's client."""

    def __init__(self) -> None:
        self._requests = BlockingRequests(SpeechClient, _HAS_ENDED)
        self.client = self._requests.client

    def load(self, command: LoadSpeech) -> SpeechModel:
        """Load a model. Raises KnownError."""
        check_usable()
        self._requests.forget()
        self.client.load(command)
        ready: SpeechReady = self._requests.wait_for(SpeechReady)
        return ready.model

    def transcribe(self, request: Transcribe) -> Iterator[SpeechEvent]:
        """The events of a recording, `Transcribed` last; see `BlockingRequests.events`."""
        self._requests.forget()
        self.client.transcribe(request)
        yield from self._requests.events(request.id, Transcribed)


@contextmanager
def open_speech(load: LoadSpeech) -> Iterator[BlockingSpeech]:
    """Start a speech worker with a model, and end it afterwards. Raises KnownError when it cannot be loaded."""
    speech = BlockingSpeech()
    try:
        speech.load(load)
        yield speech
    finally:
        speech.client.close()
