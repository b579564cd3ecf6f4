"""The offline badge, which is always visible."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.theme import theme


class OfflineBadge(QPushButton):
    """A green dot and the word “Offline”; a click explains it. `compact` shows the dot only."""

    def __init__(self, *, compact: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._compact = compact
        self.setObjectName("offline")
        self.setProperty("kind", "quiet")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._explain)
        self.retranslate()

    def retranslate(self) -> None:
        """The texts in the present language."""
        word = translate("Offline", "Offline")
        promise = translate("Offline", "Offline · nothing leaves this computer")
        self.setText("" if self._compact else word)
        set_tooltip(self, promise)
        self.setAccessibleName(promise)

    def sizeHint(self) -> QSize:
        """If compact, as narrow as the icon buttons beside it."""
        hint = super().sizeHint()
        return QSize(theme().px(28) if self._compact else hint.width(), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The button, and the dot on it."""
        super().paintEvent(event)
        look = theme()
        side = look.px(8)
        left = (self.width() - side) / 2 if self._compact else look.px(15)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color("good"))
        painter.drawEllipse(QRectF(left, (self.height() - side) / 2, side, side))

    def _explain(self) -> None:
        from desktop.ui.dialogs.offline import OfflineDialog

        OfflineDialog(self.window()).open()
