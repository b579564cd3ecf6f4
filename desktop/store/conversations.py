"""Conversations without their messages: the list, the settings of each, deleting and restoring."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from desktop.store.database import Database, Row
from desktop.store.errors import StoreError
from desktop.store.reading import ValueReader
from desktop.store.records import OVERFLOWS, ConversationSummary, StoredConversation
from desktop.store.salvage import read_or_salvage, readable_rows, row_ids

_DAY_S = 86_400.0


class Conversations:
    """The store's methods for whole conversations. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    def conversations(
        self, *, limit: int = 100, before: ConversationSummary | None = None
    ) -> list[ConversationSummary]:
        """A page of the list: pinned ones first, then by time of the last message, newest first.

        `before` is the last summary of the previous page. Rows of a damaged file that cannot be read are left out.
        """
        return read_or_salvage(self._db, lambda: self._page(limit, before), lambda: self._readable_page(limit, before))

    def _page(self, limit: int, before: ConversationSummary | None) -> list[ConversationSummary]:
        if before is None:
            page, position = "", []
        else:
            # Row values compare in the order of the index `conversation_list`: unlike with OFFSET, no page costs more.
            page, position = "AND (pinned, updated_at, id) < (?, ?, ?)", [before.pinned, before.updated_at, before.id]
        rows = self._db.rows(
            "SELECT id, title, pinned, updated_at, model FROM conversation"  # noqa: S608
            f" WHERE deleted_at IS NULL {page} ORDER BY pinned DESC, updated_at DESC, id DESC LIMIT ?",
            *position,
            limit,
        )
        return [_summary(row) for row in rows]

    def _readable_page(self, limit: int, before: ConversationSummary | None) -> list[ConversationSummary]:
        rows = readable_rows(
            self._db,
            # NOT INDEXED: a damaged index must not hide rows that can be read.
            "SELECT id, title, pinned, updated_at, model FROM conversation NOT INDEXED"
            " WHERE id = ? AND deleted_at IS NULL",
            row_ids(self._db, "conversation"),
        )
        summaries = sorted(map(_summary, rows), key=_sort_key, reverse=True)
        return [row for row in summaries if before is None or _sort_key(row) < _sort_key(before)][:limit]

    def create_conversation(self, *, title: str = "", system_prompt: str = "", model: str = "") -> StoredConversation:
        """Create an empty conversation. Its title counts as automatic until `rename`."""
        now = self._clock()
        with self._db.transaction():
            created = self._db.write(
                "INSERT INTO conversation (title, system_prompt, model, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
                title,
                system_prompt,
                model,
                now,
                now,
            )
        return self.conversation(created.lastrowid or 0)

    def conversation(self, conversation_id: int) -> StoredConversation:
        """One conversation. Raises StoreError `not_found`, also for a deleted one."""
        row = self._db.row(
            "SELECT id, title, title_is_auto, system_prompt, model, pinned, created_at, updated_at, active_leaf,"
            " context_start, overflow FROM conversation WHERE id = ? AND deleted_at IS NULL",
            conversation_id,
        )
        if row is None:
            raise StoreError.of("not_found", thing="conversation", id=conversation_id)
        return _conversation(row)

    def rename(self, conversation_id: int, title: str, *, auto: bool = False) -> None:
        """Set the title. With `auto`, only where no person has named the conversation yet."""
        if not (auto and not self.conversation(conversation_id).title_is_auto):
            self._set(conversation_id, title=title, title_is_auto=auto)

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Pin the conversation to the top of the list, or unpin it."""
        self._set(conversation_id, pinned=pinned)

    def set_system_prompt(self, conversation_id: int, system_prompt: str) -> None:
        """Set the text that the model reads before the first message."""
        self._set(conversation_id, system_prompt=system_prompt)

    def set_model(self, conversation_id: int, model: str) -> None:
        """Set the model that answers in this conversation: a catalogue name or a path."""
        self._set(conversation_id, model=model)

    def set_context_start(self, conversation_id: int, message_id: int | None) -> None:
        """Set the first message that the model still sees; None: all of them."""
        if message_id is not None and not self._db.row(
            "SELECT 1 FROM message WHERE id = ? AND conversation_id = ?", message_id, conversation_id
        ):
            raise StoreError.of("not_found", thing="message", id=message_id)
        self._set(conversation_id, context_start=message_id)

    def set_overflow(self, conversation_id: int, overflow: str) -> None:
        """Set what happens when the context is full: `refuse` or `drop_oldest`."""
        self._set(conversation_id, overflow=overflow)

    def delete_conversation(self, conversation_id: int) -> None:
        """Hide a conversation from the list and from search. Its rows stay until `purge_deleted`."""
        self._set(conversation_id, deleted_at=self._clock())

    def restore_conversation(self, conversation_id: int) -> None:
        """Undo a deletion. Raises StoreError `not_found` when the conversation has been purged."""
        with self._db.transaction():
            restored = self._db.write("UPDATE conversation SET deleted_at = NULL WHERE id = ?", conversation_id)
        if not restored.rowcount:
            raise StoreError.of("not_found", thing="conversation", id=conversation_id)

    def purge_deleted(self, older_than_s: float = 30 * _DAY_S) -> int:
        """Remove conversations that were deleted more than `older_than_s` seconds ago. Returns how many.

        Their texts are overwritten in the file (`secure_delete`), the search index and the log. That takes longer the
        more messages there are: 0.15 s with 5,000, 5 s with 200,000, no time when there is nothing to remove. Backups
        keep their copy of the texts until they are removed themselves.
        """
        before = self._clock() - older_than_s
        deleted_ids = [row[0] for row in self._db.rows("SELECT id FROM conversation WHERE deleted_at <= ?", before)]
        if not deleted_ids:
            return 0
        with self._db.transaction():
            for conversation_id in deleted_ids:
                # Messages in any order: their foreign key to the parent is deferred to the commit.
                self._db.write("DELETE FROM message WHERE conversation_id = ?", conversation_id)
                self._db.write("DELETE FROM conversation WHERE id = ?", conversation_id)
        self._db.erase_removed()
        return len(deleted_ids)

    def _set(self, conversation_id: int, **columns: Any) -> None:
        assignments = ", ".join(f"{column} = ?" for column in columns)
        with self._db.transaction():
            changed = self._db.write(
                f"UPDATE conversation SET {assignments} WHERE id = ? AND deleted_at IS NULL",  # noqa: S608
                *columns.values(),
                conversation_id,
            )
        if not changed.rowcount:
            raise StoreError.of("not_found", thing="conversation", id=conversation_id)


def _sort_key(row: ConversationSummary) -> tuple[bool, float, int]:
    return row.pinned, row.updated_at, row.id


def _summary(row: Row) -> ConversationSummary:
    read = ValueReader(row)
    return ConversationSummary(read.integer(0), read.text(1), bool(row[2]), read.number(3), read.text(4))


def _conversation(row: Row) -> StoredConversation:
    read = ValueReader(row)
    return StoredConversation(
        id=read.integer(0),
        title=read.text(1),
        title_is_auto=bool(row[2]),
        system_prompt=read.text(3),
        model=read.text(4),
        pinned=bool(row[5]),
        created_at=read.number(6),
        updated_at=read.number(7),
        active_leaf=None if row[8] is None else read.integer(8),
        context_start=None if row[9] is None else read.integer(9),
        overflow=read.one_of(10, OVERFLOWS),  # type: ignore[arg-type]
    )
