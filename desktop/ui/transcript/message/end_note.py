"""The quiet line under an answer that did not come to its end, or a question without one, with a way to go on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme

HEIGHT = 30


class EndNote(QWidget):
    """Says how an answer ended; *Continue*, or *Answer* under a question, beside it where that makes sense."""

    chosen = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._said = label("quiet", self)
        self.button = QPushButton(self)
        self.button.setObjectName("continue")
        self.button.setProperty("kind", "link")
        self.button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.clicked.connect(self.chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme().px(8))
        row.addWidget(self._said)
        row.addWidget(self.button)
        row.addStretch(1)

    def say(self, text: str, button: str = "") -> None:
        """Show `text` and, unless empty, a button with these words; nothing is shown when `text` is empty."""
        self._said.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.setVisible(bool(text))

    def text(self) -> str:
        """What is said."""
        return self._said.text()
