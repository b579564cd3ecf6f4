"""The list of personas: new, edit, duplicate, delete, import, export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.store.records import Persona, StoredPersona

Lists = Callable[[], "tuple[Sequence[StoredPersona], Sequence[Persona]]"]
"""The person's own personas, and those that ship with the program."""
_VALUE = Qt.ItemDataRole.UserRole


class PersonasDialog(Dialog):
    """Shows all personas. Those that ship with the program are shown and duplicated, not changed."""

    edit_requested = Signal(object)  # StoredPersona | None: a new one
    duplicate_requested = Signal(object)  # Persona
    delete_requested = Signal(object)  # StoredPersona
    import_requested = Signal()
    export_requested = Signal()

    def __init__(self, personas: Lists, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=540)
        self._personas = personas
        self._explanation = self.paragraph()
        self.list = QListWidget()
        self.list.setProperty("role", "choices")
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(lambda *_: self._show_current())
        self.list.itemActivated.connect(lambda _: self._edit())
        self.body.addWidget(self.list)
        self.prompt = self.paragraph("small")
        self.new_button, self.edit_button = QPushButton(), QPushButton()
        self.duplicate_button, self.delete_button = QPushButton(), QPushButton()
        self.new_button.clicked.connect(lambda: self.edit_requested.emit(None))
        self.edit_button.clicked.connect(self._edit)
        self.duplicate_button.clicked.connect(lambda: self.duplicate_requested.emit(self._persona))
        self.delete_button.clicked.connect(lambda: self.delete_requested.emit(self._stored))
        row = QHBoxLayout()
        for button in (self.new_button, self.edit_button, self.duplicate_button, self.delete_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        self.body.addLayout(row)
        self.import_button, self.export_button = self.add_button(), self.add_button()
        self.import_button.clicked.connect(self.import_requested)
        self.export_button.clicked.connect(self.export_requested)
        self.add_close_button()
        self.ready()

    @property
    def _stored(self) -> StoredPersona | None:
        """The chosen persona, if it is the person's own."""
        item = self.list.currentItem()
        value = item.data(_VALUE) if item is not None else None
        return value if hasattr(value, "persona") else None

    @property
    def _persona(self) -> Persona | None:
        """The chosen persona."""
        item, stored = self.list.currentItem(), self._stored
        ready_made: Persona | None = item.data(_VALUE) if item is not None and stored is None else None
        return ready_made if stored is None else stored.persona

    def refresh(self) -> None:
        """Show the personas as they are now."""
        row = max(0, self.list.currentRow())
        own, ready_made = self._personas()
        self.list.clear()
        for stored in own:
            self._add(stored.persona.name, stored)
        for persona in ready_made:
            self._add(translate("Personas", "{name} · comes with ChatBELLE").format(name=persona.name), persona)
        self.list.setCurrentRow(min(row, self.list.count() - 1))
        self.export_button.setEnabled(bool(own))
        self._show_current()

    def _add(self, name: str, value: StoredPersona | Persona) -> None:
        item = QListWidgetItem(" ".join(name.split()))
        set_tooltip(item, name)
        item.setData(_VALUE, value)
        self.list.addItem(item)

    def _show_current(self) -> None:
        persona = self._persona
        text = " ".join(persona.system_prompt.split()) if persona is not None else ""
        self.prompt.setText(text if len(text) <= _MOST else f"{text[:_MOST]}…")
        is_own = self._stored is not None
        self.edit_button.setEnabled(is_own)
        self.delete_button.setEnabled(is_own)
        self.duplicate_button.setEnabled(persona is not None)

    def _edit(self) -> None:
        if self._stored is not None:
            self.edit_requested.emit(self._stored)

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Personas", "Personas"))
        self._explanation.setText(
            translate(
                "Personas",
                "A persona is a system prompt with a name. A chat or a project that takes one over has a copy of it:"
                " what is changed here later changes nothing there.",
            )
        )
        self.list.setAccessibleName(translate("Personas", "Personas"))
        self.new_button.setText(translate("Personas", "New…"))
        self.edit_button.setText(translate("Personas", "Edit…"))
        self.duplicate_button.setText(translate("Personas", "Duplicate"))
        self.delete_button.setText(translate("Personas", "Delete"))
        self.import_button.setText(translate("Personas", "Import…"))
        self.export_button.setText(translate("Personas", "Export…"))
        self.refresh()

    def restyle(self) -> None:
        """Set the height of the list."""
        self.list.setFixedHeight(theme().px(220))
        super().restyle()


_MOST = 240
"""Characters of a system prompt that are shown below the list."""
