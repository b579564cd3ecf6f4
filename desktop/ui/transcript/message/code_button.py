"""The button in the header of a block of code that copies it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton, QWidget

from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.markdown.blocks import Code

_CONFIRMATION_MS = 1500
"""Milliseconds for which the button says that it has copied."""


class CopyCode(QToolButton):
    """Copies one block of code, and confirms it for a moment."""

    def __init__(self, code: Code, parent: QWidget) -> None:
        super().__init__(parent)
        self._code = code
        self._confirmation = QTimer(self)
        self._confirmation.setSingleShot(True)
        self._confirmation.setInterval(_CONFIRMATION_MS)
        self._confirmation.timeout.connect(self.retranslate)
        self.setProperty("kind", "icon")
        self.setObjectName("copy-code")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._copy)
        self.retranslate()

    def set_code(self, code: Code) -> None:
        """Set the code that is copied: it has grown."""
        language_changed = code.language != self._code.language
        self._code = code
        if language_changed:
            self.retranslate()

    def retranslate(self) -> None:
        """Set texts and colours again."""
        self._show("copy", "ink-2", labels.copy())
        self.setAccessibleName(labels.copy_code(self._code.language))

    def discard(self) -> None:
        """Remove the button: its code was removed."""
        self.hide()
        self.deleteLater()

    def sizeHint(self) -> QSize:
        """Room for icon, text and padding; Qt's own hint for a tool button also reserves room for a menu."""
        look = theme()
        text = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(text + look.px(16 + 8 + 12), look.px(26))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code.text)
        self._show("check", "good", labels.copied())
        self.setAccessibleName(labels.copied())
        self._confirmation.start()

    def _show(self, icon_name: str, color_name: str, text: str) -> None:
        size, color = theme().font_size("small"), theme().color(color_name).name()
        self.setStyleSheet(f"font-size: {size}px; color: {color}; padding: 2px {theme().px(6)}px;")
        self.setIcon(icon(icon_name, color_name))
        self.setIconSize(icon_size(16))
        self.setText(text)
        self.ensurePolished()  # `sizeHint` measures with the font of the style sheet
        self.resize(self.sizeHint())
