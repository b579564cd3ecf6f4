"""The button over a block of code that copies it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton, QWidget

from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.markdown.blocks import Code

_SAID_MS = 1500


class CopyCode(QToolButton):
    """Copies one block of code, and says so for a moment."""

    def __init__(self, code: Code, parent: QWidget) -> None:
        super().__init__(parent)
        self._code = code
        self._said = QTimer(self)
        self._said.setSingleShot(True)
        self._said.setInterval(_SAID_MS)
        self._said.timeout.connect(self.retranslate)
        self.setProperty("kind", "icon")
        self.setObjectName("copy-code")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._copy)
        self.retranslate()

    def set_code(self, code: Code) -> None:
        """The code has grown."""
        renamed = code.language != self._code.language
        self._code = code
        if renamed:
            self.retranslate()

    def retranslate(self) -> None:
        """Words and colours of the present."""
        self._look("copy", "ink-2", labels.copy())
        self.setAccessibleName(labels.copy_code(self._code.language))

    def discard(self) -> None:
        """The code is gone."""
        self.hide()
        self.deleteLater()

    def sizeHint(self) -> QSize:
        """Icon, text and even padding (the style's own hint has room for a menu)."""
        look = theme()
        text = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(text + look.px(16 + 8 + 12), look.px(26))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code.text)
        self._look("check", "good", labels.copied())
        self.setAccessibleName(labels.copied())
        self._said.start()

    def _look(self, icon_name: str, color_name: str, text: str) -> None:
        size, color = theme().font_size("small"), theme().color(color_name).name()
        self.setStyleSheet(f"font-size: {size}px; color: {color}; padding: 2px {theme().px(6)}px;")
        self.setIcon(icon(icon_name, color_name))
        self.setIconSize(icon_size(16))
        self.setText(text)
        self.ensurePolished()
        self.resize(self.sizeHint())
