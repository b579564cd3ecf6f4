"""Reader mode: the conversation alone, as a quiet page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.i18n import translate
from desktop.ui.announce import announce

if TYPE_CHECKING:
    from desktop.ui.window.layout import WindowLayout


class ReaderMode(QObject):
    """Turns reader mode on and off; `changed` follows. It is off at every start."""

    changed = Signal()

    def __init__(self, window: WindowLayout) -> None:
        super().__init__(window)
        self._window = window
        window.header.reader_left.connect(self.leave)

    @property
    def is_on(self) -> bool:
        """Whether the conversation is shown alone."""
        return self._window.is_reader

    def toggle(self) -> None:
        """Turn it on or off."""
        if self.is_on:
            self.leave()
        else:
            self._window.set_reader(True)
            announce(self._window, translate("Announcement", "Reader mode. Escape leads back."))
            self.changed.emit()

    def leave(self) -> None:
        """Show the whole window, for what is not on the page."""
        if self.is_on:
            self._window.set_reader(False)
            self.changed.emit()
