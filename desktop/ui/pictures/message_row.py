"""The pictures of a question: a row of small ones under its card, at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRect, QSize
from PySide6.QtWidgets import QWidget

from desktop.store.records import StoredPicture
from desktop.ui.pictures.picture_button import PictureButton
from desktop.ui.style.theme import theme

_HEIGHT, _WIDEST, _GAP = 132, 240, 8


class PictureRow(QWidget):
    """Lays its pictures out in the width that it is given; they wrap."""

    def __init__(self, pictures: Sequence[StoredPicture], parent: QWidget) -> None:
        super().__init__(parent)
        self.buttons = [PictureButton(picture, self) for picture in pictures]

    def arrange(self, width: int) -> int:
        """Place the pictures in lines of at most `width` pixels. Returns the height."""
        look = theme()
        gap = look.px(_GAP)
        box = QSize(min(look.px(_WIDEST), width), look.px(_HEIGHT))
        lines: list[list[tuple[PictureButton, QSize]]] = [[]]
        left = width
        for button in self.buttons:
            size = button.fitting(box)
            if lines[-1] and left < size.width():
                lines.append([])
                left = width
            lines[-1].append((button, size))
            left -= size.width() + gap
        y = 0
        for line in lines:
            x = width - sum(size.width() for _, size in line) - gap * (len(line) - 1)
            height = max((size.height() for _, size in line), default=0)
            for button, size in line:
                button.setGeometry(QRect(x, y, size.width(), size.height()))
                x += size.width() + gap
            y += height + gap
        return y - gap

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            for button in self.buttons:
                button.retranslate()
