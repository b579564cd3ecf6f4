"""The offline badge, which is always visible, and tells the truth when something is downloaded or served."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QWidget

from belle import paths
from desktop.i18n import translate
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.theme import theme

_LOOK_MS = 2000
"""How often the record of the network is looked at for a change: one `stat`."""


class OfflineBadge(QPushButton):
    """A green dot and the word “Offline”; a click explains it. `compact` shows the dot only.

    While the record says that a process of ours uses the network, the dot is amber and the word “Online”.
    """

    def __init__(self, *, compact: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._compact = compact
        self._in_use = False
        self._record_time = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.setObjectName("offline")
        self.setProperty("kind", "quiet")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._explain)
        self.retranslate()

    def retranslate(self) -> None:
        """The texts in the present language."""
        if self._in_use:
            word = translate("Offline", "Online")
            promise = translate("Offline", "Online · the network is being used")
        else:
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
        if self.isRightToLeft():
            left = self.width() - side - left
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color("warn" if self._in_use else "good"))
        painter.drawEllipse(QRectF(left, (self.height() - side) / 2, side, side))

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the record from now on."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Look no more."""
        super().hideEvent(event)
        self._timer.stop()

    def _look(self) -> None:
        try:
            changed = paths.network_record_file().stat().st_mtime_ns
        except OSError:
            changed = 0
        # While the network is used the record is read each time: a process may have been killed in the middle.
        if changed == self._record_time and not self._in_use:
            return
        self._record_time = changed
        from belle import network

        in_use = network.is_in_use(network.activity())
        if in_use != self._in_use:
            self._in_use = in_use
            self.retranslate()
            self.update()

    def _explain(self) -> None:
        from desktop.ui.dialogs.offline import OfflineDialog

        OfflineDialog(self.window()).open()
