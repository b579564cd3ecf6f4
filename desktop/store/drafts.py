"""What a person has typed and not sent or saved: in the composer, in open messages, title and system prompt.

It is written while they type, without waiting for the disk: it survives a crash of the process, but not always a power
cut. The next durable commit makes it durable too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from desktop.store.database import Database, Row
from desktop.store.pictures.tables import PICTURES_OF_DRAFT, pictures_in, replace_draft_pictures
from desktop.store.reading import ValueReader, attachments_in, attachments_json
from desktop.store.records import StoredAttachment, StoredPicture

TypedField = Literal["title", "system_prompt"]
"""A text of a conversation that is typed into a field and saved with a key or a button."""


class Drafts:
    """The store's methods for unsent text. Every method raises StoreError.

    `conversation_id` None means the new conversation, which has no row yet.
    """

    _db: Database

    def draft(self, conversation_id: int | None) -> str:
        """The text in the composer of a conversation; empty when there is none."""
        return self._draft("text", conversation_id)

    def save_draft(self, conversation_id: int | None, text: str) -> None:
        """Save the text in the composer; an empty text removes the draft."""
        self._save("text", conversation_id, text)

    def draft_attachments(self, conversation_id: int | None) -> tuple[StoredAttachment, ...]:
        """The files that are to go along with the question in the composer of a conversation."""
        row = self._db.row(
            "SELECT attachments FROM draft_attachments WHERE ifnull(conversation_id, 0) = ?", conversation_id or 0
        )
        return attachments_in(ValueReader(row).text(0)) if row else ()

    def save_draft_attachments(self, conversation_id: int | None, attachments: Sequence[StoredAttachment]) -> None:
        """Save these files; none removes them."""
        with self._db.transaction(durable=False):
            if attachments:
                self._db.write(
                    "INSERT INTO draft_attachments (conversation_id, attachments) SELECT ?1, ?2"
                    " WHERE ?1 IS NULL OR EXISTS (SELECT 1 FROM conversation WHERE id = ?1)"
                    " ON CONFLICT (ifnull(conversation_id, 0)) DO UPDATE SET attachments = excluded.attachments",
                    *(conversation_id, attachments_json(attachments)),
                )
            else:
                self._db.write(
                    "DELETE FROM draft_attachments WHERE ifnull(conversation_id, 0) = ?", conversation_id or 0
                )

    def draft_pictures(self, conversation_id: int | None) -> tuple[StoredPicture, ...]:
        """The pictures that are to go along with the question in the composer of a conversation."""
        row = self._db.row(f"SELECT {PICTURES_OF_DRAFT}", conversation_id or 0)
        return pictures_in(row[0]) if row else ()

    def save_draft_pictures(self, conversation_id: int | None, pictures: Sequence[StoredPicture]) -> None:
        """Save these pictures instead of those before; none removes them. Of a new one `data` is needed."""
        with self._db.transaction(durable=False):
            replace_draft_pictures(self._db, conversation_id, pictures)

    def new_system_prompt(self) -> str:
        """The system prompt for the new conversation."""
        return self._draft("system_prompt", None)

    def save_new_system_prompt(self, text: str) -> None:
        """Save the system prompt for the new conversation."""
        self._save("system_prompt", None, text)

    def new_project(self) -> int | None:
        """The id of the project that the new conversation will be in."""
        row = self._row("project_id", None)
        return row[0] if row else None

    def save_new_project(self, project_id: int | None) -> None:
        """Save the project that the new conversation will be in."""
        self._save("project_id", None, project_id)

    def typed_text(self, what: TypedField, conversation_id: int | None) -> str | None:
        """The text typed for the title or the system prompt and not saved; None: it is not being edited."""
        row = self._row(f"typed_{what}", conversation_id)
        return None if row is None or row[0] is None else ValueReader(row).text(0)

    def save_typed_text(self, what: TypedField, conversation_id: int | None, text: str | None) -> None:
        """Save the text typed for the title or the system prompt; None removes it (saved, or discarded)."""
        self._save(f"typed_{what}", conversation_id, text)

    def edits(self, conversation_id: int) -> Mapping[int, str]:
        """The open edits of a conversation: message id → text in its editor."""
        rows = self._db.rows(
            "SELECT e.message_id, e.text FROM open_edit AS e JOIN message AS m ON m.id = e.message_id"
            " WHERE m.conversation_id = ? ORDER BY e.message_id",
            conversation_id,
        )
        return {read.integer(0): read.text(1) for read in map(ValueReader, rows)}

    def save_edit(self, message_id: int, text: str) -> None:
        """Save the text in the editor of a message. The message itself does not change."""
        with self._db.transaction(durable=False):
            self._db.write(
                "INSERT INTO open_edit (message_id, text) SELECT id, ? FROM message WHERE id = ?"
                " ON CONFLICT (message_id) DO UPDATE SET text = excluded.text",
                *(text, message_id),
            )

    def drop_edit(self, message_id: int) -> None:
        """Remove the open edit of a message: it has become a version, or was discarded."""
        with self._db.transaction(durable=False):
            self._db.write("DELETE FROM open_edit WHERE message_id = ?", message_id)

    def _draft(self, column: str, conversation_id: int | None) -> str:
        row = self._row(column, conversation_id)
        return ValueReader(row).text(0) if row else ""

    def _row(self, column: str, conversation_id: int | None) -> Row | None:
        return self._db.row(f"SELECT {column} FROM draft WHERE ifnull(conversation_id, 0) = ?", conversation_id or 0)  # noqa: S608

    def _save(self, column: str, conversation_id: int | None, value: str | int | None) -> None:
        with self._db.transaction(durable=False):
            self._db.write(
                # NULL is distinct from NULL in a unique index, so the index and the conflict target have 0 for it.
                f"INSERT INTO draft (conversation_id, {column}) SELECT ?1, ?2"  # noqa: S608
                " WHERE ?1 IS NULL OR EXISTS (SELECT 1 FROM conversation WHERE id = ?1)"
                f" ON CONFLICT (ifnull(conversation_id, 0)) DO UPDATE SET {column} = excluded.{column}",
                *(conversation_id, value),
            )
            self._db.write(
                "DELETE FROM draft WHERE text = '' AND system_prompt = ''"
                " AND typed_title IS NULL AND typed_system_prompt IS NULL AND project_id IS NULL"
            )
