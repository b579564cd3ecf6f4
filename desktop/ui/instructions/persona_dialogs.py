"""Opens the dialogs of personas: the list, the editor, files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import shortened

if TYPE_CHECKING:
    from desktop.chat.instructions.personas import PersonaControl
    from desktop.store.records import Persona, StoredPersona
    from desktop.ui.instructions.personas_dialog import PersonasDialog


class PersonaDialogs(QObject):
    """Opens dialogs; each is imported at its first use.

    Args:
        window: the parent of the dialogs.
        personas: reads and changes them.
    """

    def __init__(self, window: QWidget, personas: PersonaControl) -> None:
        super().__init__(window)
        self._window, self._personas = window, personas

    def choices(self) -> tuple[Sequence[Persona], Sequence[Persona]]:
        """The person's own personas, and those that ship with the program."""
        own, ready_made = self._lists()
        return [stored.persona for stored in own], ready_made

    def show(self, parent: QWidget | None = None) -> None:
        """Show the list of personas."""
        from desktop.ui.instructions.personas_dialog import PersonasDialog

        dialog = PersonasDialog(self._lists, parent or self._window)
        self._personas.changed.connect(dialog.refresh)
        dialog.edit_requested.connect(partial(self._edit, dialog))
        dialog.duplicate_requested.connect(partial(self._duplicate, dialog))
        dialog.delete_requested.connect(partial(self._delete, dialog))
        dialog.import_requested.connect(partial(self._import, dialog))
        dialog.export_requested.connect(partial(self._export, dialog))
        dialog.open()

    def _lists(self) -> tuple[Sequence[StoredPersona], Sequence[Persona]]:
        personas = self._personas
        return personas.own(), personas.ready_made()

    def _edit(self, parent: PersonasDialog, stored: StoredPersona | None) -> None:
        self._ask(parent, stored.id if stored is not None else None, stored.persona if stored is not None else None)

    def _duplicate(self, parent: PersonasDialog, persona: Persona) -> None:
        self._ask(parent, None, persona)

    def _ask(self, parent: PersonasDialog, persona_id: int | None, persona: Persona | None) -> None:
        from desktop.store.records import Persona
        from desktop.ui.instructions.persona_dialog import PersonaDialog

        def save(name: str, system_prompt: str, greeting: str, sampling: dict[str, float]) -> None:
            if self._personas.save(persona_id, Persona(name, system_prompt, greeting, sampling)):
                dialog.accept()

        dialog = PersonaDialog(persona, parent)
        dialog.chosen.connect(save)
        dialog.open()

    def _delete(self, parent: PersonasDialog, stored: StoredPersona) -> None:
        from desktop.ui.library.asking import ConfirmDialog

        dialog = ConfirmDialog(
            translate("Personas", "Delete the persona “{name}”?").format(name=shortened(stored.persona.name)),
            translate("Personas", "Chats and projects that took it over keep their copy."),
            translate("Personas", "Delete"),
            translate("Personas", "Keep"),
            parent,
        )
        dialog.accepted.connect(lambda: self._personas.delete(stored.id))
        dialog.open()

    def _import(self, parent: PersonasDialog) -> None:
        from desktop.ui.file_dialog import choose_file

        def take(path: Path) -> None:
            self._personas.import_file(path, user=translate("Personas", "the user"))

        choose_file(
            parent,
            translate("Personas", "Import personas"),
            translate("Personas", "Personas and character cards (*.json)"),
            take,
        )

    def _export(self, parent: PersonasDialog) -> None:
        from desktop.ui.file_dialog import choose_new_file

        title = translate("Personas", "Export your personas")
        choose_new_file(parent, title, "personas.json", self._personas.export)
