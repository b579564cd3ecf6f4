"""The personas to choose from: those that ship with the program, and the person's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from belle import paths
from belle.errors import KnownError
from desktop.chat.refusals import read_or, store_faults
from desktop.chat.state import Notice
from desktop.i18n import current_language
from desktop.store import Persona, Store, StoredPersona, StoreError

KEY = "personas"
"""Of the notice about the last import or export."""


class PersonaControl(QObject):
    """Reads and changes personas; a conversation or a project that took one over has a copy of it.

    Args:
        store: has the person's own.
        notify: shows a notice.
    """

    changed = Signal()

    def __init__(self, store: Store, notify: Callable[[Notice], object], parent: QObject) -> None:
        super().__init__(parent)
        self._store, self._notify = store, notify

    def own(self) -> list[StoredPersona]:
        """The person's own personas, by name."""
        return read_or(self._store.personas, [], self._notify)

    def ready_made(self) -> list[Persona]:
        """The personas that ship with the program, in the language of the window."""
        import tomllib  # not before the personas are looked at

        with paths.asset("personas.toml").open("rb") as file:
            rows = tomllib.load(file)["persona"]
        return [_ready_made(row) for row in rows]

    def save(self, persona_id: int | None, persona: Persona) -> bool:
        """Change a persona, or add one (None). False when it was not stored."""
        saved = False
        with store_faults(self._notify):
            if persona_id is None:
                self._store.add_persona(persona)
            else:
                self._store.change_persona(persona_id, persona)
            saved = True
            self.changed.emit()
        return saved

    def delete(self, persona_id: int) -> None:
        """Delete a persona."""
        with store_faults(self._notify):
            self._store.delete_persona(persona_id)
            self.changed.emit()

    def import_file(self, path: Path, *, user: str) -> None:
        """Add the personas in a file; a notice says how many. Those that are here already are left out.

        Args:
            user: the words for the person in a character card.
        """
        from desktop.exchange.persona_files import read_personas

        try:
            found = read_personas(path, user=user)
            here = [stored.persona for stored in self._store.personas()]
            new = [persona for persona in found if persona not in here]
            for persona in new:
                self._store.add_persona(persona)
        except StoreError as error:
            self._notify(Notice.of_store(error))
        except KnownError as error:
            self._notify(Notice.of(error, key=KEY))
        else:
            details = {"number": len(new), "n_known": len(found) - len(new)}
            self._notify(Notice("personas_imported", "info", details, (), KEY))
        self.changed.emit()

    def export(self, path: Path) -> None:
        """Write the person's own personas to a file."""
        from desktop.exchange.persona_files import write_personas

        try:
            write_personas([stored.persona for stored in self.own()], path)
        except KnownError as error:
            self._notify(Notice.of(error, key=KEY))
        else:
            self._notify(Notice("exported", "info", {"file": str(path)}, (), KEY))


def _ready_made(row: dict[str, Any]) -> Persona:
    texts = row[current_language()]
    return Persona(
        texts["name"], texts["system_prompt"].strip(), texts.get("greeting", ""), dict(row.get("sampling", {}))
    )
