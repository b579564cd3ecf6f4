"""The keyboard while a recording or a transcription goes on: Esc ends it, and a held shortcut ends when let go."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

HOLD_S = 0.5
"""Held for longer than this, a button or shortcut ends the recording when it is let go; a short press begins one that
goes on until the next."""


class TalkKeys(QObject):
    """Watches the keys of the whole program between `watch` and `rest`, because the keyboard may be in any widget."""

    cancelled = Signal()
    let_go = Signal()
    """The key of the shortcut, after it was held."""

    def __init__(self, key: Qt.Key, parent: QObject) -> None:
        super().__init__(parent)
        self._key = key
        self._watching = False
        self._held_since: float | None = None

    def watch(self) -> None:
        """Begin."""
        application = QApplication.instance()
        if application is not None and not self._watching:
            self._watching = True
            application.installEventFilter(self)

    def rest(self) -> None:
        """End."""
        application = QApplication.instance()
        if application is not None and self._watching:
            application.removeEventFilter(self)
        self._watching, self._held_since = False, None

    def hold(self) -> None:
        """The shortcut has been pressed, and is held from now on."""
        self._held_since = time.monotonic()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc is taken away from everybody else; all other keys go on to where they are meant for."""
        if isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and QApplication.activeModalWidget() is None:
                if event.type() == QEvent.Type.ShortcutOverride:
                    event.accept()  # or the window's shortcut for Esc would stop the answer
                    return True
                if event.type() == QEvent.Type.KeyPress:
                    self.cancelled.emit()
                    return True
            if event.type() == QEvent.Type.KeyRelease and event.key() == self._key and not event.isAutoRepeat():
                self._release()
        return super().eventFilter(watched, event)

    def _release(self) -> None:
        since, self._held_since = self._held_since, None
        if since is not None and time.monotonic() - since >= HOLD_S:
            self.let_go.emit()
