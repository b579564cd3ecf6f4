"""The daily copy of the conversations, made in the background while the window is open."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.chat.state import Notice
from desktop.store import StoreError, make_daily

_FIRST_S = 20.0  # by then the model is being loaded or has been, and the window is at rest
_AGAIN_S = 3600.0


class DailyBackups(QObject):
    """Looks once an hour whether today's copy is there."""

    failed = Signal(object)
    """Notice: the file is damaged. Everything else (no space, a folder that cannot be written) is not news."""

    def __init__(self, path: Path, folder: Path, *, first_s: float = _FIRST_S) -> None:
        super().__init__()
        self._path, self._folder = path, folder
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._begin)
        self._timer.start(int(first_s * 1000))

    def close(self) -> None:
        """Make no more. A copy under way is left to itself: only a whole one gets its name."""
        self._timer.stop()
        self.blockSignals(True)

    def _begin(self) -> None:
        self._timer.start(int(_AGAIN_S * 1000))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._make, name="backup", daemon=True)
            self._thread.start()

    def _make(self) -> None:
        try:
            make_daily(self._path, self._folder)
        except StoreError as error:
            if error.kind == "damaged":
                self.failed.emit(Notice.of_store(error))
