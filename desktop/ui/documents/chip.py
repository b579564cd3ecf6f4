"""The folder of a conversation above the composer: its name, how far it has been read, and a button to remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.documents import words
from desktop.ui.foreign_text import caption, set_tooltip
from desktop.ui.style.controls import IconButton, View
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.documents.progress import IndexProgress


class DocumentsChip(View):
    """Shown while the conversation has a folder."""

    opened = Signal()
    removed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._state: IndexProgress | None = None
        self.button = QPushButton(self)
        self.button.setProperty("kind", "link")
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.clicked.connect(self.opened)
        self.remove_button = IconButton("x", "ink-3", parent=self)
        self.remove_button.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.button)
        row.addWidget(self.remove_button)
        row.addStretch(1)
        self.ready()

    def show_state(self, state: IndexProgress) -> None:
        """Show a folder and how far it has been read."""
        self._state = state
        self.retranslate()

    def retranslate(self) -> None:
        """Set the texts in the present language."""
        self.remove_button.name(translate("Documents", "Ask without these documents"))
        if self._state is None:
            return
        name = words.folder_name(self._state.folder)
        started = self._state.total or self._state.finished or self._state.stopped
        text = f"{name} · {words.progress(self._state)}" if started else name
        self.button.setText(caption(text))
        self.button.setAccessibleName(translate("Documents", "Documents: {text}").format(text=text))
        set_tooltip(self.button, self._state.folder)

    def restyle(self) -> None:
        """Set the icon in the colour of the theme."""
        self.button.setIcon(icon("folder-open", "ink-2", 16))
        self.button.setIconSize(icon_size(16))
        self.setFixedHeight(theme().px(30))
