"""What the person wants remembered: the list of facts, and the switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.controls import CheckBox
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.store.records import StoredFact

_VALUE = Qt.ItemDataRole.UserRole


class FactsDialog(Dialog):
    """Shows the facts that `facts` gives; `is_on`: they are given to the model."""

    switched = Signal(bool)
    edit_requested = Signal(object)  # StoredFact | None: a new one
    delete_requested = Signal(object)  # StoredFact
    export_requested = Signal()

    def __init__(
        self, facts: Callable[[], Sequence[StoredFact]], parent: QWidget | None = None, *, is_on: bool = False
    ) -> None:
        super().__init__(parent, width=540)
        self._facts = facts
        self._explanation = self.paragraph()
        self.switch = CheckBox()
        self.switch.setChecked(is_on)
        self.switch.toggled.connect(self.switched)
        self.body.addWidget(self.switch)
        self.list = QListWidget()
        self.list.setProperty("role", "choices")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(lambda *_: self._show_current())
        self.list.itemActivated.connect(lambda item: self.edit_requested.emit(item.data(_VALUE)))
        self.body.addWidget(self.list)
        self.new_button, self.edit_button, self.delete_button = QPushButton(), QPushButton(), QPushButton()
        self.new_button.clicked.connect(lambda: self.edit_requested.emit(None))
        self.edit_button.clicked.connect(lambda: self.edit_requested.emit(self._current))
        self.delete_button.clicked.connect(lambda: self.delete_requested.emit(self._current))
        row = QHBoxLayout()
        for button in (self.new_button, self.edit_button, self.delete_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        self.body.addLayout(row)
        self.export_button = self.add_button()
        self.export_button.clicked.connect(self.export_requested)
        self.add_close_button()
        self.refresh()
        self.ready()

    @property
    def _current(self) -> StoredFact | None:
        item = self.list.currentItem()
        fact: StoredFact | None = item.data(_VALUE) if item is not None else None
        return fact

    def refresh(self) -> None:
        """Show the facts as they are now."""
        row = max(0, self.list.currentRow())
        facts = self._facts()
        self.list.clear()
        for fact in facts:
            item = QListWidgetItem(" ".join(fact.text.split()))
            set_tooltip(item, fact.text)
            item.setData(_VALUE, fact)
            self.list.addItem(item)
        self.list.setCurrentRow(min(row, self.list.count() - 1))
        self.export_button.setEnabled(bool(facts))
        self._show_current()

    def _show_current(self) -> None:
        for button in (self.edit_button, self.delete_button):
            button.setEnabled(self._current is not None)

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Facts", "What to remember"))
        self._explanation.setText(
            translate(
                "Facts",
                "Facts about you, written by you alone: the model never adds any. They stay on this computer, in the"
                " file of your conversations and its copies.",
            )
        )
        self.switch.setText(translate("Facts", "Give these facts to the model, in front of every conversation"))
        self.list.setAccessibleName(translate("Facts", "Facts"))
        self.new_button.setText(translate("Facts", "Add…"))
        self.edit_button.setText(translate("Facts", "Edit…"))
        self.delete_button.setText(translate("Facts", "Delete"))
        self.export_button.setText(translate("Facts", "Export…"))

    def restyle(self) -> None:
        """Set the height of the list."""
        self.list.setFixedHeight(theme().px(200))
        super().restyle()
