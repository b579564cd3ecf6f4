"""Which folder of documents each conversation has."""

from __future__ import annotations

from desktop.documents.index_tables import has_choices, make_choice_table
from desktop.store.database import Database


class DocumentChoices:
    """The folders that were chosen. Every method raises StoreError.

    `conversation_id` None means the new conversation, which has no row yet.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def folder(self, conversation_id: int | None) -> str | None:
        """The folder that was chosen for a conversation; empty: none at all, None: nothing was chosen."""
        if not has_choices(self._db):
            return None
        row = self._db.row(
            "SELECT folder FROM document_choice WHERE ifnull(conversation_id, 0) = ?", conversation_id or 0
        )
        return str(row[0]) if row else None

    def choose(self, conversation_id: int | None, folder: str | None) -> None:
        """Set the folder of a conversation; empty: none at all, None: forget what was chosen."""
        make_choice_table(self._db)
        with self._db.transaction():
            self._db.write("DELETE FROM document_choice WHERE ifnull(conversation_id, 0) = ?", conversation_id or 0)
            if folder is not None:
                self._db.write("INSERT INTO document_choice VALUES (?, ?)", conversation_id, folder)

    def adopt(self, conversation_id: int) -> None:
        """The new conversation has become this one: it keeps its folder."""
        folder = self.folder(None)
        if folder is not None:
            with self._db.transaction():
                self.choose(conversation_id, folder)
                self.choose(None, None)
