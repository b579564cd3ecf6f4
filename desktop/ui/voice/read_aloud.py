"""Reading aloud in the window: begins and stops it, and follows the sentence that is heard in the transcript."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.chat.state import Notice

if TYPE_CHECKING:
    from belle.errors import KnownError
    from belle.speech.speaking.events import VoiceList
    from desktop.chat.controller import ChatController
    from desktop.store.records import StoredMessage
    from desktop.ui.window.layout import WindowLayout
    from desktop.voice.reading import ReadAloud

_GROWTH_MS = 500
_NOTICE = "read_aloud"


class ReadingAloud(QObject):
    """Reads messages of the transcript. Nothing of it is loaded before the first reading.

    Args:
        window: whose transcript is read, and whose settings name the voice.
        controller: its notices say why nothing is heard.
    """

    changed = Signal()
    """Whether something is read."""
    voices_listed = Signal(object)
    """The voices that `list_voices` asked for, as (id, name)."""

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._conversation_id: int | None = None
        self._place = 0  # in the shown text, behind the sentence that is heard
        self._growth = QTimer(self)
        self._growth.setInterval(_GROWTH_MS)
        self._growth.timeout.connect(self._grow)

    @property
    def is_on(self) -> bool:
        """Whether something is read."""
        return "reader" in self.__dict__ and self.reader.message_id is not None

    @cached_property
    def reader(self) -> ReadAloud:
        """Made at its first use, with its imports."""
        from PySide6.QtWidgets import QApplication

        from desktop.voice.reading import ReadAloud

        reader = ReadAloud(self._window.settings, self)
        reader.started.connect(self._started)
        reader.sentence_started.connect(self._show_sentence)
        reader.ended.connect(self._ended)
        reader.failed.connect(self._failed)
        reader.voices_listed.connect(self._voices_listed)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(reader.close)
        return reader

    def toggle(self, message_id: int | None = None) -> None:
        """Read a message, or stop if it is the one that is read; None is the last answer."""
        reading = self.reader.message_id if self.is_on else None
        if reading is not None and message_id in (None, reading):
            self.stop()
            return
        message = self._message(message_id)
        if message is not None:
            self._controller.dismiss(_NOTICE)
            self._place = 0
            complete = message.status != "streaming"
            self.reader.read(message.id, message.text, complete=complete)
            if not complete:
                self._growth.start()

    def stop(self) -> None:
        """Silence, at once."""
        if self.is_on:
            self.reader.stop()

    def leave(self, conversation_id: int | None) -> None:
        """Another conversation is shown: what is read is no longer there."""
        if conversation_id != self._conversation_id:
            self.stop()
        self._conversation_id = conversation_id

    def list_voices(self) -> None:
        """Ask for the voices; answered by `voices_listed`."""
        self.reader.list_voices()

    def _voices_listed(self, listed: VoiceList) -> None:
        self.voices_listed.emit([(voice.id, f"{voice.name}  {voice.language}".strip()) for voice in listed.voices])

    def _message(self, message_id: int | None) -> StoredMessage | None:
        messages = self._window.transcript.messages()
        if message_id is None:
            return next((m for m in reversed(messages) if m.role == "assistant" and m.text), None)
        return next((m for m in messages if m.id == message_id), None)

    def _grow(self) -> None:
        """Give what has been generated meanwhile to the reader."""
        message_id = self.reader.message_id
        message = self._message(message_id) if message_id is not None else None
        if message is None:
            self._growth.stop()
            return
        complete = message.status != "streaming"
        self.reader.grow(message.id, message.text, complete=complete)
        if complete:
            self._growth.stop()

    def _started(self, message_id: int) -> None:
        self._window.transcript.set_read_aloud(message_id)
        self.changed.emit()

    def _show_sentence(self, message_id: int, sentence: str) -> None:
        place = self._window.transcript.mark_spoken(message_id, sentence, self._place)
        if place is not None:
            self._place = place

    def _ended(self, message_id: int) -> None:
        self._growth.stop()
        self._window.transcript.mark_spoken(message_id, "", 0)
        self._window.transcript.set_read_aloud(None)
        self.changed.emit()

    def _failed(self, error: KnownError) -> None:
        self._controller.notice.emit(Notice.of(error, key=_NOTICE))
