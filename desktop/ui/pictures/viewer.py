"""A picture shown large: as large as the screen allows, with the text that was read in it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QPixmap
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.store.records import StoredPicture
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import shortened
from desktop.ui.pictures.facts import size_text
from desktop.ui.pictures.thumbnails import picture_source
from desktop.ui.screen import available_size
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

_LEAST_WIDTH, _LEAST_HEIGHT, _AROUND, _TEXT_HEIGHT = 360, 48, 60, 96  # pixels at 100 %
_ABOVE_AND_BELOW = 260
"""Pixels at 100 % that the heading, the line below the picture, the button and the distances take."""


class PictureDialog(Dialog):
    """Shows one picture."""

    def __init__(self, picture: StoredPicture, parent: QWidget | None = None) -> None:
        size = _fitting(picture, parent)
        super().__init__(parent, width=max(_LEAST_WIDTH, int(size.width() / theme().zoom) + _AROUND))
        self._picture = picture
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(picture_source().thumbnail(picture, size * ratio))
        pixmap.setDevicePixelRatio(ratio)
        self.image = QLabel()
        self.image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.image.setPixmap(pixmap)
        self.body.addWidget(self.image)
        self._facts = self.paragraph("quiet")
        self.text = QPlainTextEdit(picture.text)
        self.text.setReadOnly(True)
        LongWords(self.text)
        self.text.setFixedHeight(theme().px(_TEXT_HEIGHT))
        if picture.text.strip():
            self.body.addWidget(self.text)
        else:
            self.text.hide()
        self.add_close_button()
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(shortened(self._picture.name))
        self.image.setAccessibleName(self._picture.name)
        self._facts.setText(size_text(self._picture))
        self.text.setAccessibleName(translate("Pictures", "Text in the picture"))


def _fitting(picture: StoredPicture, parent: QWidget | None) -> QSize:
    """The size of the picture in a dialog that fits on the screen without scrolling."""
    room = available_size(parent) if parent is not None else QGuiApplication.primaryScreen().availableSize()
    look = theme()
    height = _ABOVE_AND_BELOW + (_TEXT_HEIGHT if picture.text.strip() else 0)
    box = QSize(room.width() - look.px(2 * _AROUND), max(look.px(_LEAST_HEIGHT), room.height() - look.px(height)))
    size = QSize(picture.width, picture.height)
    if size.width() > box.width() or size.height() > box.height():
        size = size.scaled(box, Qt.AspectRatioMode.KeepAspectRatio)
    return size
