"""Reading aloud for programs that can wait for it: the terminal, tests.

with open_speaking() as speaking:
    for event in speaking.speak(Speak(1, ("你好。",))):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from belle.errors import KnownError
from belle.speech.blocking_requests import BlockingRequests
from belle.speech.speaking.client import SpeakingClient
from belle.speech.speaking.commands import ListVoices, Speak
from belle.speech.speaking.events import ReadingEnded, SpeakingEvent, VoiceList

_HAS_ENDED = KnownError("died", "The process that speaks has ended.", "Try it again.")


class BlockingSpeaking:
    """Reads aloud. `client` is the worker's client."""

    def __init__(self) -> None:
        self._requests = BlockingRequests(SpeakingClient, _HAS_ENDED)
        self.client = self._requests.client

    def voices(self, model: str = "") -> VoiceList:
        """The voices that can speak. Raises KnownError."""
        self._requests.forget()
        self.client.send(ListVoices(model))
        listed: VoiceList = self._requests.wait_for(VoiceList)
        return listed

    def speak(self, request: Speak) -> Iterator[SpeakingEvent]:
        """The events of a reading, `ReadingEnded` last; see `BlockingRequests.events`."""
        self._requests.forget()
        self.client.send(request)
        yield from self._requests.events(request.id, ReadingEnded)


@contextmanager
def open_speaking() -> Iterator[BlockingSpeaking]:
    """Reading aloud, whose process is ended afterwards."""
    speaking = BlockingSpeaking()
    try:
        yield speaking
    finally:
        speaking.client.close()
