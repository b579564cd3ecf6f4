"""One of the two columns: which model, what it answers, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.compare import words
from desktop.ui.foreign_text import breakable, caption
from desktop.ui.style.controls import View, label, set_style_property
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from desktop.compare.model_run import ModelRunState
    from desktop.library.entries import LibraryEntry

Extent = tuple[int, int]
"""From and to of a part of the text, in characters."""


class AnswerColumn(View):
    """A column. `model_changed`: another model was chosen; `kept`: its answer is wanted.

    Args:
        side: "left" or "right".
        entries: the models to choose from; each has a file.
        ref: of the one that is chosen at first.
    """

    model_changed = Signal()
    kept = Signal()

    def __init__(self, side: str, entries: Sequence[LibraryEntry], ref: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side, self._entries = side, entries
        self._state: ModelRunState | None = None
        self._marks: list[Extent] = []
        self._answered_by = ""
        self.choice = QComboBox()
        self.choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.choice.addItems([caption(_name(entry)) for entry in entries])
        refs = [entry.ref for entry in entries]
        self.choice.setCurrentIndex(refs.index(ref) if ref in refs else 0)
        self.choice.currentIndexChanged.connect(self._choose)
        self.text = QPlainTextEdit()
        self.text.setProperty("role", "field")
        self.text.setReadOnly(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setTabChangesFocus(True)
        LongWords(self.text)
        self.figures = label("small", wrap=True)
        self.keep_button = QPushButton()
        self.keep_button.setAutoDefault(False)
        self.keep_button.setEnabled(False)
        self.keep_button.clicked.connect(self.kept)
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.addWidget(self.choice)
        self._whole.addWidget(self.text, 1)
        self._whole.addWidget(self.figures)
        self._whole.addWidget(self.keep_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.ready()

    @property
    def entry(self) -> LibraryEntry:
        """The chosen model."""
        return self._entries[self.choice.currentIndex()]

    @property
    def model(self) -> str:
        """The name of the chosen model, with its quantization."""
        return _name(self.entry)

    @property
    def answered_by(self) -> str:
        """The name of the model whose answer is shown; another one may have been chosen since."""
        return self._answered_by or self.model

    # Content

    def begin(self) -> None:
        """Show an empty answer; the model stays as it is until the end."""
        self._answered_by = self.model
        self.text.clear()
        self._marks = []
        self.choice.setEnabled(False)
        self.keep_button.setEnabled(False)
        self.describe("")

    def show_state(self, state: ModelRunState) -> None:
        """Show how far the model is. The text of an answer that has ended is the right one."""
        self._state = state
        if state.has_ended and state.text != self.text.toPlainText():
            self.text.setPlainText(state.text)
        self.keep_button.setEnabled(state.has_ended and bool(state.text.strip()))
        self._show_figures(state)

    def _show_figures(self, state: ModelRunState) -> None:
        author = self.answered_by if self.answered_by != self.model else ""
        self.figures.setText(breakable(" · ".join(filter(None, (author, words.state(state))))))
        set_style_property(self.figures, "level", "bad" if state.status == "failed" else "")

    def _choose(self) -> None:
        if self._state is not None:
            self._show_figures(self._state)
        self.model_changed.emit()

    def end(self) -> None:
        """Let another model be chosen."""
        self.choice.setEnabled(True)

    def append(self, text: str) -> None:
        """Add to the answer; a reader at its end stays there."""
        bar = self.text.verticalScrollBar()
        at_end = bar.value() == bar.maximum()
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        if at_end:
            bar.setValue(bar.maximum())

    def mark(self, text: str, extents: Iterable[Extent]) -> None:
        """Underline the parts of the answer `text` that differ, on a tinted ground."""
        self._marks = _in_document(text, extents)
        self._draw_marks()

    def describe(self, text: str) -> None:
        """Set what a screen reader says of the answer besides its name."""
        self.text.setAccessibleDescription(text)

    def go_to(self, index: int) -> str:
        """Select a marked part, or put the caret where it would be. Returns its text."""
        start, end = self._marks[index]
        cursor = self.text.textCursor()
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self.text.setTextCursor(cursor)
        self.text.ensureCursorVisible()
        return cursor.selectedText()

    def _draw_marks(self) -> None:
        cursor = QTextCursor(self.text.document())
        cursor.beginEditBlock()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.setCharFormat(QTextCharFormat())
        for start, end in self._marks:
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            cursor.setCharFormat(_mark())
        cursor.endEditBlock()

    # Look

    def retranslate(self) -> None:
        """The texts in the present language."""
        name = words.side_name(self._side)
        for part in (self.choice, self.choice.view()):
            part.setAccessibleName(name)
        self.text.setAccessibleName(
            translate("Compare", "Answer on the left")
            if self._side == "left"
            else translate("Compare", "Answer on the right")
        )
        text = translate("Compare", "Keep this answer")
        self.keep_button.setText(text)
        self.keep_button.setAccessibleName(f"{text}: {name}")
        if self._state is not None:
            self._show_figures(self._state)

    def restyle(self) -> None:
        """Set distances, and draw the marks in the colours of the theme."""
        self._whole.setSpacing(theme().space(1))
        self.text.setMinimumHeight(theme().px(96))
        self.text.setFont(theme().font_body)
        if self._marks:
            self._draw_marks()


def _name(entry: LibraryEntry) -> str:
    return " · ".join(part for part in (entry.title, entry.quantization) if part)


def _mark() -> QTextCharFormat:
    """The look of words that differ: the line is visible without colours, too."""
    mark = QTextCharFormat()
    mark.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
    mark.setUnderlineColor(theme().color("violet"))
    mark.setBackground(theme().color("violet-soft"))
    mark.setForeground(theme().color("ink"))
    return mark


def _in_document(text: str, extents: Iterable[Extent]) -> list[Extent]:
    """Extents in characters as positions of QTextDocument: UTF-16 code units, and one for a line break of two."""
    positions = [0]
    for character, following in zip(text, f"{text[1:]} ", strict=True):
        units = 2 if character > "\uffff" else 0 if (character, following) == ("\r", "\n") else 1
        positions.append(positions[-1] + units)
    return [(positions[start], positions[end]) for start, end in extents]
