"""A small picture that is shown large by a click, or by the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from desktop.i18n import translate
from desktop.store.records import StoredPicture
from desktop.ui.foreign_text import set_tooltip, shortened
from desktop.ui.pictures.thumbnails import picture_source
from desktop.ui.style.theme import theme


class PictureButton(QAbstractButton):
    """Shows a picture as large as the button allows, without enlarging it."""

    def __init__(self, picture: StoredPicture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = picture
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(lambda: picture_source().opened.emit(self.picture))
        self.retranslate()

    def retranslate(self) -> None:
        """Set the texts in the present language."""
        self.setAccessibleName(translate("Pictures", "Picture: {name}").format(name=shortened(self.picture.name)))
        set_tooltip(self, f"{self.picture.name} · {self.picture.width} × {self.picture.height}")

    def fitting(self, box: QSize) -> QSize:
        """The size of the picture inside `box`, in pixels of the window."""
        size = QSize(self.picture.width, self.picture.height)
        if size.width() > box.width() or size.height() > box.height():
            size = size.scaled(box, Qt.AspectRatioMode.KeepAspectRatio)
        return size.expandedTo(QSize(theme().px(24), theme().px(24))).boundedTo(box)

    def sizeHint(self) -> QSize:
        """Its size."""
        return self.size()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the picture with round corners, a line around it, and the focus."""
        look = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        frame = QPainterPath()
        frame.addRoundedRect(box, look.px(6), look.px(6))
        painter.fillPath(frame, look.color("code"))
        ratio = self.devicePixelRatioF()
        pixmap = picture_source().thumbnail(self.picture, self.size() * ratio)
        if not pixmap.isNull():
            painter.setClipPath(frame)
            size = pixmap.size().toSizeF() / ratio
            painter.drawPixmap(
                QRectF(box.center().x() - size.width() / 2, box.center().y() - size.height() / 2, *size.toTuple()),
                pixmap,
                QRectF(pixmap.rect()),
            )
            painter.setClipping(False)
        focus = self.hasFocus()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(look.color("violet" if focus else "line"), 1.5 if focus else 1))
        painter.drawPath(frame)
