"""The reasoning of a model before its answer: a line that says how long it took, and its text, folded at first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import text_theme, theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.style import Style, mostly_chinese
from desktop.ui.transcript.markdown.blocks import Block
from desktop.ui.transcript.markdown.content import Content
from desktop.ui.transcript.message.text import MessageText

_MARKUP = re.compile(r"[!-'*-/:-@\\-`{-~]")
"""What Markdown may take for markup: ASCII punctuation, which a backslash makes a letter. Not [ and ( and ), which with
one begin and end formulas; a link is none without its ]."""
_GAP = 6
_BETWEEN = 16


class Thought(QWidget):
    """Shows the reasoning of one answer. It can be selected and copied here, but is not part of the message."""

    height_changed = Signal()
    answer_requested = Signal()
    """It has been thought enough."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._reasoning = ""
        self._seconds: float | None = None
        self._is_over = False
        self._is_steps = False
        self._content = Content("assistant")
        self.button = self._link("thought", self.toggle)
        self.answer_button = self._link("answer-now", self.answer_requested.emit)
        self.text = MessageText(self)
        self.text.reflowed.connect(self.height_changed)
        self.text.hide()
        self.retranslate()

    @property
    def is_open(self) -> bool:
        """Whether the text is shown."""
        return not self.text.isHidden()

    def stops(self) -> list[QWidget]:
        """The widgets that Tab visits here, in reading order."""
        return [self.button, self.answer_button, self.text]

    def set_thought(self, text: str, seconds: float | None, *, is_over: bool, is_steps: bool = False) -> None:
        """Set the text, its duration (None: not known), and whether it is complete: the answer has begun or ended.

        `is_steps`: it is the steps of a strategy, which are shown letter by letter, and end by themselves.
        """
        self._seconds, self._is_over, self._is_steps = seconds, is_over, is_steps
        text = _MARKUP.sub(r"\\\g<0>", text) if is_steps else text
        self.text.set_streaming(not is_over)
        if text != self._reasoning:
            self._reasoning = text
            self._show_text()
        self.retranslate()

    def toggle(self) -> None:
        """Show the text, or fold it."""
        self.text.setVisible(not self.is_open)
        self._show_text()
        self.retranslate()
        self.height_changed.emit()

    def arrange(self, width: int) -> int:
        """Lay out for a width in pixels; returns the height."""
        size = self.button.sizeHint()
        self.button.setGeometry(0, 0, min(width, size.width()), size.height())
        beside = self.button.width() + theme().px(_BETWEEN)
        self.answer_button.setGeometry(
            beside, 0, max(0, min(width - beside, self.answer_button.sizeHint().width())), size.height()
        )
        if not self.is_open:
            return size.height()
        top = size.height() + theme().px(_GAP)
        height = self.text.height_for(width)
        self.text.setGeometry(0, top, width, height)
        return top + height

    def retranslate(self) -> None:
        """Set all texts and sizes again."""
        if self._is_over:
            text = labels.thoughts() if self._seconds is None else labels.thought_for(self._seconds)
        else:
            text = labels.thinking()
        self.answer_button.setText(labels.answer_now())
        self.answer_button.setVisible(not (self._is_over or self._is_steps))
        self.button.setStyleSheet(f"color: {theme().color('ink-2').name()};")
        self.button.setText(text)
        self.button.setIcon(icon("chevron-down" if self.is_open else "chevron-right", "ink-3"))
        self.button.setIconSize(icon_size(14))
        self.text.setAccessibleName(labels.thoughts())
        self.text.retranslate()

    def restyle(self) -> None:
        """Set colours and sizes of the current theme."""
        self.text.restyle(Style(text_theme(), mostly_chinese(self._reasoning)))
        self.retranslate()

    def _link(self, name: str, pressed: Callable[[], None]) -> QPushButton:
        button = QPushButton(self)
        button.setObjectName(name)
        button.setProperty("kind", "link")
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(pressed)
        return button

    def _show_text(self) -> None:
        if not self.is_open:  # nothing is parsed before somebody wants to read it
            return
        first = self._content.set_text(self._reasoning)
        self.text.show_blocks(list(map(_quoted, self._content.blocks)), min(first, len(self.text.blocks)))


def _quoted(block: Block) -> Block:
    return replace(block, containers=("quote", *block.containers))
