"""Finds in the open conversation: connects the bar and the transcript."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

if TYPE_CHECKING:
    from desktop.ui.transcript.find_bar import FindBar
    from desktop.ui.transcript.finder import Finder
    from desktop.ui.window.layout import WindowLayout


class FindInConversation(QObject):
    """Opens and closes the bar, which is made at the first use."""

    def __init__(self, window: WindowLayout) -> None:
        super().__init__(window)
        self._window = window

    def open(self) -> None:
        """Show the bar, and go on with the text that is in it."""
        self._bar.begin()
        if self._bar.field.text():
            self._find(self._bar.field.text())

    def close(self) -> None:
        """Hide the bar and the marks; the keyboard goes back to where it writes or reads."""
        if "_bar" not in self.__dict__ or self._bar.isHidden():
            return
        self._bar.hide()
        self._finder.end()
        back = self._window.transcript if self._window.is_reader else self._window.composer
        back.setFocus(Qt.FocusReason.OtherFocusReason)

    @cached_property
    def _finder(self) -> Finder:
        from desktop.ui.transcript.finder import Finder

        return Finder(self._window.transcript)

    @cached_property
    def _bar(self) -> FindBar:
        from desktop.ui.transcript.find_bar import FindBar

        bar = FindBar()
        self._window.add_above_pages(bar)
        bar.changed.connect(self._find)
        bar.stepped.connect(lambda step: bar.show_found(self._finder.step(step)))
        bar.closed.connect(self.close)
        return bar

    def _find(self, query: str) -> None:
        if query:
            self._bar.show_found(self._finder.start(query))
        else:
            self._finder.end()
            self._bar.show_found(None)
