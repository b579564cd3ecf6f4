"""Reads messages aloud: starts the speaking worker when it is first needed, ends it when it has long been silent."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.process.events import Died, Failed
from belle.errors import KnownError
from belle.speech.speaking.client import SpeakingClient
from belle.speech.speaking.commands import ListVoices, Speak, SpeakMore
from belle.speech.speaking.events import ReadingEnded, SentenceStarted, SpeakingEvent, VoiceList
from belle.speech.speaking.text.plain import paragraphs
from belle.speech.speaking.text.spoken import sentences_to_say

if TYPE_CHECKING:
    from desktop.settings import Settings

_UNLOAD_MS = 120_000


class ReadAloud(QObject):
    """Reads one message at a time.

    Args:
        settings: name the voice, its speed, and the folder of its model.
        unload_ms: after so long without a reading the worker is ended, and its memory is free.
    """

    started = Signal(int)
    """The message that is read from now on."""
    sentence_started = Signal(int, str)
    """The message, and its sentence that is heard from now on, as it is shown."""
    ended = Signal(int)
    """The message that is no longer read: to its end, stopped, or failed."""
    failed = Signal(object)
    """A KnownError: nothing is heard, and why."""
    voices_listed = Signal(object)
    """The `VoiceList` that `list_voices` asked for."""
    _received = Signal(object)  # from the client's thread to this one

    def __init__(self, settings: Settings, parent: QObject | None = None, *, unload_ms: int = _UNLOAD_MS) -> None:
        super().__init__(parent)
        self._settings = settings
        self._client = SpeakingClient(self._forward)
        self._numbers = count(1)
        self._number = 0  # of the request under way
        self._message_id: int | None = None
        self._sentences: list[str] = []
        self._is_complete = True
        self._received.connect(self._handle)
        self._unload = QTimer(self)
        self._unload.setSingleShot(True)
        self._unload.setInterval(unload_ms)
        self._unload.timeout.connect(self.close)

    @property
    def message_id(self) -> int | None:
        """The message that is read; None while nothing is."""
        return self._message_id

    def read(self, message_id: int, markdown: str, *, complete: bool = True) -> None:
        """Read a message from its beginning, in place of the one that is read.

        Args:
            message_id: of the message, for the signals.
            markdown: its text so far.
            complete: nothing will be added to it; otherwise `grow` follows.
        """
        self.stop()
        sentences = _sentences(markdown, complete=complete)
        if complete and not sentences:
            message = "There is nothing in this message that can be said."
            self.failed.emit(KnownError("nothing_to_say", message, "Code and formulas are not read."))
            return
        self._number, self._message_id, self._is_complete = next(self._numbers), message_id, complete
        self._sentences = sentences
        self._unload.stop()
        settings = self._settings
        request = Speak(
            self._number,
            tuple(sentences),
            complete,
            settings.voice,
            settings.voice_model,
            settings.voice_speed,
        )
        self.started.emit(message_id)
        try:
            self._client.send(request)
        except OSError as error:
            self._fail(_not_started(error))

    def grow(self, message_id: int, markdown: str, *, complete: bool) -> None:
        """The message that is read has become longer; does nothing for another one."""
        if message_id != self._message_id or self._is_complete:
            return
        sentences = _sentences(markdown, complete=complete)
        added = sentences[len(self._sentences) :]
        if added or complete:
            self._sentences += added
            self._is_complete = complete
            self._client.more(SpeakMore(self._number, tuple(added), complete))

    def stop(self) -> None:
        """Silence, at once."""
        if self._message_id is not None:
            self._client.stop(self._number)
            self._end()

    def list_voices(self) -> None:
        """Ask for the voices; answered by `voices_listed`, or by `failed`."""
        try:
            self._client.send(ListVoices(self._settings.voice_model))
        except OSError as error:
            self.failed.emit(_not_started(error))
        self._rest()

    def close(self) -> None:
        """End the worker; the next reading starts another one."""
        self.stop()
        self._unload.stop()
        self._client.close()

    def _forward(self, event: SpeakingEvent | Died) -> None:
        """Called on the client's thread."""
        with suppress(RuntimeError):  # the window has been closed meanwhile
            self._received.emit(event)

    def _handle(self, event: SpeakingEvent | Died) -> None:
        match event:
            case VoiceList():
                self.voices_listed.emit(event)
            case Died():
                if self._message_id is not None:
                    self._fail(KnownError(event.kind, event.message, event.advice, log=event.log))
            case Failed(id=None):
                self.failed.emit(KnownError(event.kind, event.message, event.advice, **event.details))
            case SentenceStarted(id=number) if number == self._number and self._message_id is not None:
                self.sentence_started.emit(self._message_id, self._sentences[event.index])
            case ReadingEnded(id=number) if number == self._number:
                self._end()
            case Failed(id=number) if number == self._number:
                self._fail(KnownError(event.kind, event.message, event.advice, **event.details))

    def _fail(self, error: KnownError) -> None:
        self._end()
        self.failed.emit(error)

    def _end(self) -> None:
        message_id, self._message_id = self._message_id, None
        self._rest()
        if message_id is not None:
            self.ended.emit(message_id)

    def _rest(self) -> None:
        if self._message_id is None:
            self._unload.start()


def _sentences(markdown: str, *, complete: bool) -> list[str]:
    """The sentences of a text; the last one of a text that still grows may go on."""
    sentences = sentences_to_say(paragraphs(markdown))
    return sentences if complete else sentences[:-1]


def _not_started(error: OSError) -> KnownError:
    message = f"The process that speaks could not be started ({error.strerror or error})."
    return KnownError("worker_not_started", message, "Close other programs and try it again.")
