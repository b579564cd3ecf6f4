"""Facts that a person wants the model to remember about them. Only the person writes them."""

from __future__ import annotations

import time
from collections.abc import Callable

from desktop.store.database import Database
from desktop.store.errors import StoreError
from desktop.store.reading import ValueReader
from desktop.store.records import StoredFact
from desktop.store.salvage import read_or_salvage, readable_rows, row_ids

_SELECT = "SELECT id, text, created_at FROM fact"


class Facts:
    """The store's methods for facts. Every method raises StoreError."""

    _db: Database
    _clock: Callable[[], float] = time.time

    def facts(self) -> list[StoredFact]:
        """All facts in the order in which they were added, which never changes: the model has read them in this order.

        Those of a damaged file that cannot be read are left out.
        """
        rows = read_or_salvage(
            self._db,
            lambda: self._db.rows(f"{_SELECT} ORDER BY id"),
            lambda: list(readable_rows(self._db, f"{_SELECT} WHERE id = ?", reversed(row_ids(self._db, "fact")))),
        )
        return [StoredFact(read.integer(0), read.text(1), read.number(2)) for read in map(ValueReader, rows)]

    def add_fact(self, text: str) -> int:
        """Add a fact; its number."""
        with self._db.transaction():
            added = self._db.write("INSERT INTO fact (text, created_at) VALUES (?, ?)", text, self._clock())
        return added.lastrowid or 0

    def change_fact(self, fact_id: int, text: str) -> None:
        """Replace the text of a fact, which keeps its place. Raises StoreError `not_found`.

        The text before is overwritten in the file; backups keep it until they are removed.
        """
        with self._db.transaction():
            changed = self._db.write("UPDATE fact SET text = ? WHERE id = ?", text, fact_id)
        if not changed.rowcount:
            raise StoreError.of("not_found", thing="fact", id=fact_id)
        self._db.truncate_log()

    def delete_fact(self, fact_id: int) -> None:
        """Delete a fact. Its text is overwritten in the file; backups keep it until they are removed."""
        with self._db.transaction():
            self._db.write("DELETE FROM fact WHERE id = ?", fact_id)
        self._db.truncate_log()
