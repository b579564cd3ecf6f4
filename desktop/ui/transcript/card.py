"""What is painted around a message: your card, the ring of the focus, the line above which the model sees nothing."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from desktop.ui.style.theme import theme
from desktop.ui.transcript import words

CUT_HEIGHT = 48
SIDE = 8
"""Room at both sides and above for the ring of the focus; messages stand that much further left."""


def paint_card(painter: QPainter, box: QRect) -> None:
    """The tinted card of a question, or of an editor."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("violet-soft"))
    painter.drawRoundedRect(QRectF(box), theme().radius_card, theme().radius_card)


def paint_ring(painter: QPainter, box: QRectF) -> None:
    """Where the keyboard is."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme().color("violet"), 1.5))
    painter.drawRoundedRect(box, theme().radius_card, theme().radius_card)


def paint_cut(painter: QPainter, width: int) -> None:
    """A hairline with words in its middle, at the top of a message."""
    look = theme()
    side, text = look.px(SIDE), words.context_cut()
    row = QRectF(side, side, width - 2 * side, look.px(CUT_HEIGHT - 16))
    painter.setFont(look.font_small)
    half = painter.fontMetrics().horizontalAdvance(text) / 2 + look.px(12)
    y, middle = int(row.center().y()), row.center().x()
    painter.fillRect(QRectF(side, y, middle - half - side, 1), look.color("line"))
    painter.fillRect(QRectF(middle + half, y, width - side - middle - half, 1), look.color("line"))
    painter.setPen(look.color("ink-3"))
    painter.drawText(row, int(Qt.AlignmentFlag.AlignCenter), text)
