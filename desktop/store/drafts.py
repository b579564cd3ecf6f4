"""What a person is typing and has not sent or saved: the composer's text, messages, title and system prompt.

It is written while they type, so it outlives the process, not a power cut; the next durable write takes it along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from desktop.store.database import Database, Row
from desktop.store.reading import ValueReader

Typed = Literal["title", "system_prompt"]
"""What is changed in a field of its own and saved with a key or a button."""


class Drafts:
    """The part of the store that deals with texts not sent yet. Every method raises StoreError.

    A conversation given as None is the one that has not begun.
    """

    _db: Database

    def draft(self, conversation_id: int | None) -> str:
        """What stands in the composer of a conversation; empty when nothing does."""
        return self._draft("text", conversation_id)

    def keep_draft(self, conversation_id: int | None, text: str) -> None:
        """Keep what stands in the composer; an empty text removes it."""
        self._keep("text", conversation_id, text)

    def new_system_prompt(self) -> str:
        """The system prompt of the conversation that has not begun."""
        return self._draft("system_prompt", None)

    def keep_new_system_prompt(self, text: str) -> None:
        """Keep the system prompt for the conversation that has not begun."""
        self._keep("system_prompt", None, text)

    def typed(self, what: Typed, conversation_id: int | None) -> str | None:
        """What was typed for the title or the system prompt and is not saved; None: nobody is changing it."""
        row = self._row(f"typed_{what}", conversation_id)
        return None if row is None or row[0] is None else ValueReader(row).text(0)

    def keep_typed(self, what: Typed, conversation_id: int | None, text: str | None) -> None:
        """Keep what is typed for the title or the system prompt; None: it was saved, or given up."""
        self._keep(f"typed_{what}", conversation_id, text)

    def edits(self, conversation_id: int) -> Mapping[int, str]:
        """The messages of a conversation that are open for editing, with the text as far as it has been changed."""
        rows = self._db.rows(
            "SELECT e.message_id, e.text FROM open_edit AS e JOIN message AS m ON m.id = e.message_id"
            " WHERE m.conversation_id = ? ORDER BY e.message_id",
            conversation_id,
        )
        return {read.whole(0): read.text(1) for read in map(ValueReader, rows)}

    def keep_edit(self, message_id: int, text: str) -> None:
        """Keep the text of a message that is open for editing. The message itself does not change."""
        with self._db.transaction(durable=False):
            self._db.write(
                "INSERT INTO open_edit (message_id, text) SELECT id, ? FROM message WHERE id = ?"
                " ON CONFLICT (message_id) DO UPDATE SET text = excluded.text",
                *(text, message_id),
            )

    def drop_edit(self, message_id: int) -> None:
        """The message is open for editing no longer: what was typed has become a version, or was given up."""
        with self._db.transaction(durable=False):
            self._db.write("DELETE FROM open_edit WHERE message_id = ?", message_id)

    def _draft(self, column: str, conversation_id: int | None) -> str:
        row = self._row(column, conversation_id)
        return ValueReader(row).text(0) if row else ""

    def _row(self, column: str, conversation_id: int | None) -> Row | None:
        return self._db.row(f"SELECT {column} FROM draft WHERE ifnull(conversation_id, 0) = ?", conversation_id or 0)  # noqa: S608

    def _keep(self, column: str, conversation_id: int | None, text: str | None) -> None:
        with self._db.transaction(durable=False):
            self._db.write(
                f"INSERT INTO draft (conversation_id, {column}) SELECT ?1, ?2"  # noqa: S608
                " WHERE ?1 IS NULL OR EXISTS (SELECT 1 FROM conversation WHERE id = ?1)"
                f" ON CONFLICT (ifnull(conversation_id, 0)) DO UPDATE SET {column} = excluded.{column}",
                *(conversation_id, text),
            )
            self._db.write(
                "DELETE FROM draft WHERE text = '' AND system_prompt = ''"
                " AND typed_title IS NULL AND typed_system_prompt IS NULL"
            )
