"""The line under the last question before its answer begins: the progress of the prefill, or what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels

if TYPE_CHECKING:
    from desktop.chat.state import Waiting

HEIGHT = 40


class ProgressLine(QWidget):
    """One line of text, and below it a thin bar during the prefill."""

    accessible_role = "StaticText"

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._percent: int | None = None
        self._seconds: float | None = None
        self._waiting: Waiting = ""
        self.hide()

    @property
    def has_text(self) -> bool:
        """Whether there is something to show."""
        return bool(self._waiting) or self._percent is not None

    def set_prefill(self, percent: int | None, seconds_left: float | None) -> None:
        """Set the progress of the prefill; None when it is over."""
        self._percent = None if percent is None else max(0, min(100, percent))
        self._seconds = seconds_left
        self.refresh()

    def set_waiting(self, waiting: Waiting) -> None:
        """Set what the question waits for; empty when it does not wait."""
        self._waiting = waiting
        self.refresh()

    def text(self) -> str:
        """The text of the line."""
        if self._percent is not None and self._waiting != "summary":
            return labels.reading(self._percent, self._seconds)
        return labels.waiting(self._waiting)

    def refresh(self) -> None:
        """Update text and colours."""
        self.setAccessibleName(self.text())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the text and the bar."""
        del event
        look = theme()
        painter = QPainter(self)
        painter.setFont(look.font_small)
        painter.setPen(look.color("ink-2"))
        painter.drawText(QRectF(0, 0, self.width(), look.px(24)), self.text())
        if self._percent is None:
            return
        bar = QRectF(0, look.px(26), min(self.width(), look.px(220)), 2)
        painter.fillRect(bar, look.color("line"))
        bar.setWidth(bar.width() * self._percent / 100)
        painter.fillRect(bar, look.color("violet"))
