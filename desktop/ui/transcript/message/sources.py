"""The passages of documents under an answer: those that it cites, or all that the model was handed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.documents.cited import CitedPassage
from desktop.ui.documents import words
from desktop.ui.foreign_text import breakable, caption, set_tooltip
from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme

_ROW = 24
"""Height of a row, in pixels at 100 %."""


class SourceList(QWidget):
    """A line for each passage; `chosen` has the number of the one that was clicked."""

    chosen = Signal(int)
    height_changed = Signal()

    def __init__(self, folder: str, sources: Sequence[CitedPassage], parent: QWidget) -> None:
        super().__init__(parent)
        self._folder, self._sources = folder, sources
        self._cited: frozenset[int] = frozenset()
        self._shows_all = False
        self.heading = label("quiet", self)
        self.buttons = {source.number: self._button() for source in sources}
        for source in sources:
            self.buttons[source.number].clicked.connect(lambda _=False, n=source.number: self.chosen.emit(n))
        self.all_button = self._button()
        self.all_button.clicked.connect(self._show_all)
        self.retranslate()

    def set_cited(self, numbers: Collection[int]) -> None:
        """Show these alone at first, if there are any."""
        self._cited = frozenset(numbers) & frozenset(self.buttons)

    def shown(self) -> list[QPushButton]:
        """The buttons that are shown, in order."""
        first = self._cited or frozenset(self.buttons)
        rows = [button for number, button in self.buttons.items() if self._shows_all or number in first]
        return [*rows, self.all_button] if len(rows) < len(self.buttons) else rows

    def arrange(self, width: int) -> int:
        """Lay out for a width in pixels; returns the height."""
        row = theme().px(_ROW)
        self.heading.setGeometry(0, 0, width, row)
        shown = self.shown()
        for button in (*self.buttons.values(), self.all_button):
            button.setVisible(button in shown)
        for index, button in enumerate(shown, 1):
            button.setGeometry(0, index * row, min(width, button.sizeHint().width()), row)
        return row * (1 + len(shown))

    def retranslate(self) -> None:
        """Set all texts again."""
        name = words.folder_name(self._folder)
        self.heading.setText(breakable(words.sources() if self._sources else words.nothing_found(name)))
        for source in self._sources:
            button, text = self.buttons[source.number], f"[{source.number}] {words.place(source)}"
            button.setText(caption(text))
            button.setAccessibleName(text)
            set_tooltip(button, text)
        self.all_button.setText(words.all_passages(len(self._sources)))

    def _show_all(self) -> None:
        self._shows_all = True
        self.height_changed.emit()

    def _button(self) -> QPushButton:
        button = QPushButton(self)
        button.setProperty("kind", "link")
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        return button
