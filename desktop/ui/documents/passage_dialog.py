"""A passage that an answer was made from, with what stands around it in its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.documents import words
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from desktop.documents.cited import CitedPassage


class PassageDialog(Dialog):
    """Shows the text as it is: nothing in it is markup, and nothing can be clicked.

    Args:
        source: the passage.
        before: the text that stands before it in the document, as far as the index has it.
        after: that after it.
    """

    open_requested = Signal()

    def __init__(self, source: CitedPassage, before: str, after: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=600)
        self._source = source
        self._parts = (before, source.text, after)
        self._place = self.paragraph()
        self.field = QPlainTextEdit()
        LongWords(self.field)
        self.field.setReadOnly(True)
        self.field.setProperty("role", "field")
        self.body.addWidget(self.field)
        self._problem = self.paragraph("small")
        self._problem.hide()
        self.open_button = self.add_button()
        self.open_button.clicked.connect(self.open_requested)
        self.add_close_button()
        self.ready()

    def show_problem(self, text: str) -> None:
        """Say why the document cannot be opened."""
        self._problem.setText(text)
        self._problem.show()
        self.fit()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(self._source.path)
        self._place.setText(words.place(self._source))
        self.field.setAccessibleName(translate("Documents", "Passage"))
        self.open_button.setText(translate("Documents", "Open the document"))

    def restyle(self) -> None:
        """Write the text in the colours of the theme: the passage in ink, what is around it quieter."""
        super().restyle()
        self.field.setMinimumHeight(theme().px(260))
        self.field.clear()
        cursor = self.field.textCursor()
        begin = 0
        for part, color in zip(self._parts, ("ink-3", "ink", "ink-3"), strict=True):
            if part:
                if cursor.position():
                    cursor.insertText("\n\n")
                begin = cursor.position() if part is self._parts[1] else begin
                look = QTextCharFormat()
                look.setForeground(theme().color(color))
                if color == "ink" and (self._parts[0] or self._parts[2]):
                    look.setBackground(theme().color("violet-soft"))
                cursor.insertText(part, look)
        cursor.setPosition(begin)
        self.field.setTextCursor(cursor)
        self.field.moveCursor(QTextCursor.MoveOperation.StartOfLine)
        self.field.centerCursor()
