"""The base of dialogs that list what a person has written: the list, and its buttons New, Edit, Delete and Export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QWidget

from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.theme import theme

_VALUE = Qt.ItemDataRole.UserRole


class ListDialog(Dialog):
    """Asks for changes and makes none. The subclass adds the parts, in the order in which they are shown.

    Args:
        height: of the list, in pixels at 100 %.
    """

    edit_requested = Signal(object)  # the chosen value | None: a new one
    delete_requested = Signal(object)  # the chosen value
    export_requested = Signal()

    def __init__(self, parent: QWidget | None, *, height: int) -> None:
        super().__init__(parent, width=540)
        self._height = height
        self.explanation = self.paragraph()

    def add_list(self) -> None:
        """Add the list."""
        self.list = QListWidget()
        self.list.setProperty("role", "choices")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(lambda *_: self.show_current())
        self.list.itemActivated.connect(lambda _: self._edit())
        self.body.addWidget(self.list)

    def add_list_buttons(self, *others: QPushButton) -> None:
        """Add the row of buttons below the list; `others` are shown before Delete."""
        self.new_button, self.edit_button, self.delete_button = QPushButton(), QPushButton(), QPushButton()
        self.new_button.clicked.connect(lambda: self.edit_requested.emit(None))
        self.edit_button.clicked.connect(self._edit)
        self.delete_button.clicked.connect(lambda: self.delete_requested.emit(self.own))
        row = QHBoxLayout()
        for button in (self.new_button, self.edit_button, *others, self.delete_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        self.body.addLayout(row)

    def add_export_button(self) -> None:
        """Add the button for a file to the bottom row."""
        self.export_button = self.add_button()
        self.export_button.clicked.connect(self.export_requested)

    @property
    def current(self) -> Any:
        """The value of the chosen row; None without one."""
        item = self.list.currentItem()
        return item.data(_VALUE) if item is not None else None

    @property
    def own(self) -> Any:
        """The chosen value if the person may change it, else None."""
        return self.current

    def show_rows(self, rows: Iterable[tuple[str, object]]) -> None:
        """Show these rows, each a text and its value; the same row stays chosen."""
        row = max(0, self.list.currentRow())
        self.list.clear()
        for text, value in rows:
            item = QListWidgetItem(" ".join(text.split()))
            set_tooltip(item, text)
            item.setData(_VALUE, value)
            self.list.addItem(item)
        self.list.setCurrentRow(min(row, self.list.count() - 1))
        self.show_current()

    def show_current(self) -> None:
        """Another row is chosen: enable the buttons that can do something with it."""
        for button in (self.edit_button, self.delete_button):
            button.setEnabled(self.own is not None)

    def _edit(self) -> None:
        if self.own is not None:
            self.edit_requested.emit(self.own)

    def restyle(self) -> None:
        """Set the height of the list."""
        self.list.setFixedHeight(theme().px(self._height))
        super().restyle()
