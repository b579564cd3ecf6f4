"""How loud the microphone is: a bar for each twentieth of a second, the latest at the right."""

from __future__ import annotations

import math
from collections import deque

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desktop.ui.style.theme import theme

_BARS = 28
_QUIETEST_DB = -60.0
_LOUDEST_DB = -12.0
"""Of the root mean square; loud speech close to a microphone."""


class LevelMeter(QWidget):
    """Shows the latest levels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heights: deque[float] = deque(maxlen=_BARS)
        self.clear()

    def clear(self) -> None:
        """Show silence."""
        self._heights.extend([0.0] * _BARS)
        self.update()

    def add(self, rms: float) -> None:
        """Show another level, a root mean square from 0 to 1."""
        self._heights.append(meter_height(rms))
        self.update()

    @property
    def loudest(self) -> float:
        """The highest bar that is shown, 0…1."""
        return max(self._heights)

    def sizeHint(self) -> QSize:
        """Room for all bars."""
        look = theme()
        return QSize(_BARS * look.px(4), look.px(20))

    def minimumSizeHint(self) -> QSize:
        """The latest bars are enough."""
        return QSize(theme().px(40), theme().px(20))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bars that there is room for."""
        look = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        step, width = look.px(4), look.px(2)
        right = float(self.width() - width)
        for height in reversed(self._heights):
            if right < 0:
                break
            tall = max(float(width), height * self.height())
            painter.setBrush(look.color("violet" if height > 0 else "line"))
            painter.drawRoundedRect(QRectF(right, (self.height() - tall) / 2, width, tall), width / 2, width / 2)
            right -= step


def meter_height(rms: float) -> float:
    """A bar's height, 0…1: in decibels, as the ear hears."""
    if rms <= 0:
        return 0.0
    return min(1.0, max(0.0, (20 * math.log10(rms) - _QUIETEST_DB) / (_LOUDEST_DB - _QUIETEST_DB)))
