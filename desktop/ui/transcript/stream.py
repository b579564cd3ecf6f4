"""Collects streamed text, because tokens arrive faster than a screen is painted, and passes it on in batches."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal

INTERVAL_MS = 33
_COST_FACTOR = 4
"""The interval is at least so many times what showing the last batch took, so that a slow machine stays responsive."""
_MAX_INTERVAL_MS = 1000


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
        """Add text of a message; text of another message is passed on first."""
        if message_id != self._id:
            self.flush()
            self._id = message_id
        self._parts.append(text)
        if not self._timer.isActive():
            self._timer.start(self._interval)

    def flush(self) -> None:
        """Pass on now what has been collected."""
        self._timer.stop()
        if not self._parts:
            return
        text = "".join(self._parts)
        self._parts.clear()
        started = time.perf_counter()
        self.flushed.emit(self._id, text)  # the slots have shown the text when this returns
        cost_ms = (time.perf_counter() - started) * 1000
        self._interval = round(min(_MAX_INTERVAL_MS, max(INTERVAL_MS, cost_ms * _COST_FACTOR)))
