"""Tokens arrive faster than a screen is drawn: they are collected and handed on together."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal

INTERVAL_MS = 33
_SHARE = 4
"""Writing may take one part in so many of the time; where it is slow, it is done less often."""
_SLOWEST_MS = 1000


class StreamBuffer(QObject):
    """Collects text by message and emits `flushed(message_id, text)` about 30 times a second."""

    flushed = Signal(int, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._parts: list[str] = []
        self._id = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.flush)
        self._interval = INTERVAL_MS

    def add(self, message_id: int, text: str) -> None:
        """Text for a message; that of another one is handed on first."""
        if message_id != self._id:
            self.flush()
            self._id = message_id
        self._parts.append(text)
        if not self._timer.isActive():
            self._timer.start(self._interval)

    def flush(self) -> None:
        """Hand on now what has come."""
        self._timer.stop()
        if not self._parts:
            return
        text = "".join(self._parts)
        self._parts.clear()
        begun = time.perf_counter()
        self.flushed.emit(self._id, text)
        cost_ms = (time.perf_counter() - begun) * 1000
        self._interval = round(min(_SLOWEST_MS, max(INTERVAL_MS, cost_ms * _SHARE)))
