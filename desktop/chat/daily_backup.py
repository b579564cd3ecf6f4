"""The daily backup of the conversations, made by a thread while the window is open."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.chat.state import Notice
from desktop.store import StoreError, make_daily

_FIRST_S = 20.0  # after the busiest part of the start
_INTERVAL_S = 3600.0


class DailyBackups(QObject):
    """Makes a backup once a day; checks every hour whether one is due."""

    failed = Signal(object)
    """Notice that the file is damaged. Other failures (no space, a folder that is not writable) are not reported."""

    def __init__(self, path: Path, folder: Path, *, first_s: float = _FIRST_S) -> None:
        super().__init__()
        self._path, self._folder = path, folder
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._begin)
        self._timer.start(int(first_s * 1000))

    def close(self) -> None:
        """Make no more backups. One under way goes on or dies with the process: only a complete one gets its name."""
        self._timer.stop()
        self.blockSignals(True)  # the thread may still emit

    def _begin(self) -> None:
        self._timer.start(int(_INTERVAL_S * 1000))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._make, name="backup", daemon=True)
            self._thread.start()

    def _make(self) -> None:
        try:
            make_daily(self._path, self._folder)
        except StoreError as error:
            if error.kind == "damaged":
                # Emitted in the thread; Qt queues it to the thread of the receiver.
                self.failed.emit(Notice.of_store(error))
