"""The answer in the window for a quick question: Markdown as in the transcript, and it scrolls."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QMenu, QScrollArea, QWidget

from desktop.ui.style.theme import text_theme, themes
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.style import Style, mostly_chinese
from desktop.ui.transcript.markdown.content import Content
from desktop.ui.transcript.message.text import MessageText
from desktop.ui.transcript.stream import StreamBuffer


class QuickAnswer(QScrollArea):
    """Shows one answer, which may grow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._content = Content("assistant")
        self.text = _AnswerText(self)
        self.text.copy_message.connect(self.copy)
        self.text.reflowed.connect(self._lay_out)
        self.setWidget(self.text)
        self._stream = StreamBuffer(self)
        self._stream.flushed.connect(lambda _, text: self._show(self._content.append(text)))
        themes().changed.connect(self._restyle)
        self._restyle()

    @property
    def source(self) -> str:
        """The Markdown of the answer."""
        return self._content.text

    def set_text(self, text: str, *, growing: bool) -> None:
        """Show a text in place of what is shown."""
        self._stream.flush()
        self._content.growing = growing
        self.text.set_streaming(growing)
        first = self._content.set_text(text)
        # While the answer grows, the last row of a table is left out.
        self._show(min(first, max(0, len(self.text.blocks) - 1)))

    def append(self, text: str) -> None:
        """Add to the answer; a reader at its end stays there."""
        self._stream.add(1, text)

    def copy(self) -> None:
        """Copy the whole answer."""
        QGuiApplication.clipboard().setText(self.source)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap the text again."""
        super().resizeEvent(event)
        self._lay_out()

    def _show(self, first: int) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() == bar.maximum()
        if mostly_chinese(self.source) != self._style.chinese:
            self._restyle()
        self.text.show_blocks(self._content.blocks, min(first, len(self.text.blocks)))
        self._lay_out()
        if at_end:
            bar.setValue(bar.maximum())

    def _lay_out(self) -> None:
        width = self.viewport().width()
        self.text.resize(width, self.text.height_for(width))

    def _restyle(self) -> None:
        self._style = Style(text_theme(), mostly_chinese(self.source))
        self.text.restyle(self._style)
        self._lay_out()


class _AnswerText(MessageText):
    def context_menu(self, at: QPoint) -> QMenu:  # noqa: ARG002 - the menu is the same everywhere
        """Only what can be done here."""
        menu = QMenu(self)
        menu.addAction(labels.copy(), self.copy).setEnabled(self.textCursor().hasSelection())
        menu.addAction(labels.copy_message(), self.copy_message.emit)
        menu.addSeparator()
        menu.addAction(labels.select_all(), self.selectAll)
        return menu
