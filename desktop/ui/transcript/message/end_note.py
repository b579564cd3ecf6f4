"""The quiet line under an unfinished answer or an unanswered question, with a button to continue."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme

HEIGHT = 30


class EndNote(QWidget):
    """Says how an answer ended, with a button *Continue*, or *Answer* under a question, where that is possible."""

    chosen = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._label = label("quiet", self)
        self.button = QPushButton(self)
        self.button.setObjectName("continue")
        self.button.setProperty("kind", "link")
        self.button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.clicked.connect(self.chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme().px(8))
        row.addWidget(self._label)
        row.addWidget(self.button)
        row.addStretch(1)

    def set_texts(self, text: str, button: str) -> None:
        """Show `text` and, unless it is empty, a button with this text; hide the note when `text` is empty."""
        self._label.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.setVisible(bool(text))

    def text(self) -> str:
        """The text of the note."""
        return self._label.text()
