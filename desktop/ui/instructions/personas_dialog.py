"""The list of personas: new, edit, duplicate, delete, import, export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.instructions.list_dialog import ListDialog

if TYPE_CHECKING:
    from desktop.store.records import Persona, StoredPersona

Lists = Callable[[], "tuple[Sequence[StoredPersona], Sequence[Persona]]"]
"""The person's own personas, and those that ship with the program."""
_MOST = 240
"""Characters of a system prompt that are shown below the list."""


class PersonasDialog(ListDialog):
    """Shows all personas. Those that ship with the program are shown and duplicated, not changed."""

    duplicate_requested = Signal(object)  # Persona
    import_requested = Signal()

    def __init__(self, personas: Lists, parent: QWidget | None = None) -> None:
        super().__init__(parent, height=220)
        self._personas = personas
        self.add_list()
        self.prompt = self.paragraph("small")
        self.duplicate_button = QPushButton()
        self.duplicate_button.clicked.connect(lambda: self.duplicate_requested.emit(self._persona))
        self.add_list_buttons(self.duplicate_button)
        self.import_button = self.add_button()
        self.import_button.clicked.connect(self.import_requested)
        self.add_export_button()
        self.add_close_button()
        self.ready()

    @property
    def own(self) -> StoredPersona | None:
        """The chosen persona, if it is the person's own."""
        return self.current if hasattr(self.current, "persona") else None

    @property
    def _persona(self) -> Persona | None:
        """The chosen persona."""
        ready_made: Persona | None = self.current
        return ready_made if self.own is None else self.own.persona

    def refresh(self) -> None:
        """Show the personas as they are now."""
        own, ready_made = self._personas()
        ships = translate("Personas", "{name} · comes with ChatBELLE")
        rows: list[tuple[str, object]] = [(stored.persona.name, stored) for stored in own]
        self.show_rows(rows + [(ships.format(name=persona.name), persona) for persona in ready_made])
        self.export_button.setEnabled(bool(own))

    def show_current(self) -> None:
        """Show the system prompt of the chosen persona, and what can be done with it."""
        super().show_current()
        persona = self._persona
        text = " ".join(persona.system_prompt.split()) if persona is not None else ""
        self.prompt.setText(text if len(text) <= _MOST else f"{text[:_MOST]}…")
        self.duplicate_button.setEnabled(persona is not None)

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Personas", "Personas"))
        self.explanation.setText(
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
