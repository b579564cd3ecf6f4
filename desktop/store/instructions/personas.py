"""Personas: named system prompts, each with a first message and sampling values if the person wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belle.texts import json_text
from desktop.store.database import Database, Row
from desktop.store.errors import StoreError
from desktop.store.reading import ValueReader
from desktop.store.records import Persona, SamplingChoice, StoredPersona
from desktop.store.salvage import read_or_salvage, readable_rows, row_ids

_SELECT = "SELECT id, name, system_prompt, greeting, sampling FROM persona"

SAMPLING_LIMITS: Mapping[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (0.05, 1.0),
    "top_k": (0, 200),
    "min_p": (0.0, 0.5),
    "repeat_penalty": (1.0, 1.5),
}
"""The sampling values that a persona can have, each with the smallest and the largest one."""


class Personas:
    """The store's methods for the person's own personas. Every method raises StoreError."""

    _db: Database

    def personas(self) -> list[StoredPersona]:
        """All personas, by name. Those of a damaged file that cannot be read are left out."""
        rows = read_or_salvage(
            self._db,
            lambda: self._db.rows(_SELECT),
            lambda: list(readable_rows(self._db, f"{_SELECT} WHERE id = ?", row_ids(self._db, "persona"))),
        )
        return sorted(map(_stored, rows), key=lambda stored: (stored.persona.name.casefold(), stored.id))

    def add_persona(self, persona: Persona) -> int:
        """Add a persona; its number."""
        with self._db.transaction():
            added = self._db.write(
                "INSERT INTO persona (name, system_prompt, greeting, sampling) VALUES (?, ?, ?, ?)", *_columns(persona)
            )
        return added.lastrowid or 0

    def change_persona(self, persona_id: int, persona: Persona) -> None:
        """Replace a persona. Raises StoreError `not_found`."""
        with self._db.transaction():
            changed = self._db.write(
                "UPDATE persona SET name = ?, system_prompt = ?, greeting = ?, sampling = ? WHERE id = ?",
                *(*_columns(persona), persona_id),
            )
        if not changed.rowcount:
            raise StoreError.of("not_found", thing="persona", id=persona_id)

    def delete_persona(self, persona_id: int) -> None:
        """Delete a persona. Conversations and projects keep what they took from it."""
        with self._db.transaction():
            self._db.write("DELETE FROM persona WHERE id = ?", persona_id)


def sampling_json(sampling: SamplingChoice) -> str:
    """Sampling values as a row holds them."""
    return json_text(dict(sampling))


def valid_sampling(value: Any) -> SamplingChoice:
    """The sampling values in a JSON object that are known and within their limits; the others are left out."""
    if not isinstance(value, Mapping):
        return {}
    found = {name: _within(value.get(name), limits) for name, limits in SAMPLING_LIMITS.items()}
    return {name: number for name, number in found.items() if number is not None}


def _within(value: Any, limits: tuple[float, float]) -> float | None:
    """`value` as a number within `limits`, an integer where they are integers; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not limits[0] <= value <= limits[1]:
        return None  # also for nan
    if not isinstance(limits[0], int):
        return value
    return int(value) if value == int(value) else None


def _columns(persona: Persona) -> tuple[str, str, str, str]:
    return persona.name, persona.system_prompt, persona.greeting, sampling_json(persona.sampling)


def _stored(row: Row) -> StoredPersona:
    read = ValueReader(row)
    persona = Persona(read.text(1), read.text(2), read.text(3), valid_sampling(read.json_object(4)))
    return StoredPersona(read.integer(0), persona)
