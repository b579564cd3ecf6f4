"""The messages of a conversation as a tree: editing and answering again add siblings and never overwrite a text.

One path from a root to a leaf is shown; it ends at `conversation.active_leaf`. `active_child` remembers for each
message which child was last on that path, so that switching back to a version also shows what was last shown below it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from desktop.store.database import Database, Row
from desktop.store.errors import StoreError
from desktop.store.pictures.tables import PICTURES_OF_MESSAGE, add_pictures, pictures_in
from desktop.store.reading import ValueReader, attachments_in, attachments_json
from desktop.store.records import ENDINGS, ROLES, STATUSES, StoredAttachment, StoredMessage, StoredPicture
from desktop.store.salvage import connected_path, read_or_salvage, readable_rows, row_ids

_COUNT_SIBLINGS = (
    "SELECT count(*) FROM message AS s WHERE s.parent_id IS m.parent_id AND s.conversation_id = m.conversation_id"
)
_FIELDS = "m.id, m.conversation_id, m.parent_id, m.role, m.text, m.status, m.created_at, m.model, m.stats"
_MORE_FIELDS = "m.thinking, m.thinking_seconds, m.pinned, m.attachments"
_SELECT_MESSAGE = (
    f"SELECT {_FIELDS}, ({_COUNT_SIBLINGS} AND s.id < m.id), ({_COUNT_SIBLINGS}),"  # noqa: S608
    f" {_MORE_FIELDS}, {PICTURES_OF_MESSAGE} FROM message AS m"
)
SELECT_WITHOUT_SIBLINGS = f"SELECT {_FIELDS}, 0, 1, {_MORE_FIELDS}, {PICTURES_OF_MESSAGE} FROM message AS m"  # noqa: S608
"""Messages as `stored_message` reads them, without counting their versions."""
_SELECT_WITHOUT_PICTURES = f"SELECT {_FIELDS}, 0, 1, {_MORE_FIELDS}, '[]' FROM message AS m"  # noqa: S608

# UNION (not UNION ALL) drops rows seen before, so the recursion also ends in a damaged file in which a message is its
# own ancestor. For the same reason no row carries a depth: it would make every row new.
_ANCESTORS = (
    "WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM message WHERE id = ?"
    " UNION SELECT m.id, m.parent_id FROM up JOIN message AS m ON m.id = up.parent_id)"
)
_ACTIVE_DESCENDANTS = (
    "WITH RECURSIVE down (id) AS (SELECT ?"
    " UNION SELECT a.child_id FROM down JOIN active_child AS a ON a.parent_id = down.id"
    " JOIN message AS m ON m.id = a.child_id)"
)
_LEAF = (
    "SELECT id FROM down WHERE NOT EXISTS (SELECT 1 FROM active_child AS a JOIN message AS m ON m.id = a.child_id"
    " WHERE a.parent_id = down.id)"
)
_THINKING = "thinking = ifnull(?, thinking), thinking_seconds = ifnull(?, thinking_seconds)"
# The condition saves writing the pages of a path that does not change.
_REPLACE_CHILD = (
    "ON CONFLICT (parent_id) DO UPDATE SET child_id = excluded.child_id WHERE child_id <> excluded.child_id"
)


class MessageTree:
    """The store's methods for messages. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    def message(self, message_id: int) -> StoredMessage:
        """One message, also of a deleted conversation. Raises StoreError `not_found`."""
        row = self._db.row(f"{_SELECT_MESSAGE} WHERE m.id = ?", message_id)
        if row is None:
            raise StoreError.of("not_found", thing="message", id=message_id)
        return stored_message(row)

    def active_path(self, conversation_id: int) -> list[StoredMessage]:
        """The shown path: from the first message to the active leaf.

        In a damaged file, as much of it as can be read and is connected: it ends at the newest message when the leaf is
        missing, and begins where the parents end or form a circle.
        """
        leaf = self._active_leaf(conversation_id)
        return read_or_salvage(
            self._db,
            lambda: self._whole_path(conversation_id, leaf),
            lambda: self._readable_path(conversation_id, leaf),
        )

    def _whole_path(self, conversation_id: int, leaf: int | None) -> list[StoredMessage]:
        path = self._path_to(leaf)
        if not path and leaf is not None:
            ((newest,),) = self._db.rows("SELECT max(id) FROM message WHERE conversation_id = ?", conversation_id)
            path = self._path_to(newest)
        return path

    def _readable_path(self, conversation_id: int, leaf: int | None) -> list[StoredMessage]:
        messages = {m.id: m for m in readable_messages(self._db, conversation_id)}
        path = connected_path(messages, {m.id: m.parent_id for m in messages.values()}, leaf)
        return [messages[number] for number in path]

    def _path_to(self, leaf: int | None) -> list[StoredMessage]:
        rows = self._db.rows(f"{_ANCESTORS} {_SELECT_MESSAGE} JOIN up ON up.id = m.id", leaf)
        messages = {message.id: message for message in map(stored_message, rows)}
        path, message_id = [], leaf
        while message_id in messages:
            path.append(messages.pop(message_id))
            message_id = path[-1].parent_id
        return path[::-1]

    def add_message(
        self,
        conversation_id: int,
        parent_id: int | None,
        role: str,
        text: str,
        *,
        status: str = "complete",
        model: str = "",
        thinking: str = "",
        thinking_seconds: float | None = None,
        stats: Mapping[str, Any] = MappingProxyType({}),
        attachments: Sequence[StoredAttachment] = (),
        pictures: Sequence[StoredPicture] = (),
    ) -> StoredMessage:
        """Add a message as a child of `parent_id` (None: as a root), beside its other children, and show it.

        It is on the disk when this returns.
        """
        now = self._clock()
        with self._db.transaction():
            leaf = self._active_leaf(conversation_id)
            self._check_parent(conversation_id, parent_id)
            added = self._db.write(
                "INSERT INTO message (conversation_id, parent_id, role, text, status, model, created_at, thinking,"
                " thinking_seconds, stats, attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(conversation_id, parent_id, role, text, status, model, now, thinking, thinking_seconds),
                *(json.dumps(dict(stats), ensure_ascii=False), attachments_json(attachments)),
            )
            message_id = added.lastrowid or 0
            add_pictures(self._db, message_id, pictures)
            if parent_id == leaf:  # the usual case: the path up to the parent is active already
                if parent_id is not None:
                    self._db.write(f"INSERT INTO active_child VALUES (?, ?) {_REPLACE_CHILD}", parent_id, message_id)  # noqa: S608
            else:
                self._activate_path_to(message_id)
            self._db.write(
                "UPDATE conversation SET active_leaf = ?, updated_at = ? WHERE id = ?", message_id, now, conversation_id
            )
        return self.message(message_id)

    def start_answer(
        self,
        conversation_id: int,
        parent_id: int | None,
        model: str,
        *,
        stats: Mapping[str, Any] = MappingProxyType({}),
    ) -> StoredMessage:
        """Add an empty answer with the status `streaming`."""
        return self.add_message(
            conversation_id, parent_id, "assistant", "", status="streaming", model=model, stats=stats
        )

    def checkpoint(
        self, message_id: int, text: str, *, thinking: str | None = None, thinking_seconds: float | None = None
    ) -> None:
        """Save the answer so far. It survives a crash of the process, but not always a power cut.

        None leaves the thinking, or its duration, unchanged. Raises StoreError `not_streaming`.
        """
        with self._db.transaction(durable=False):
            updated = self._db.write(
                f"UPDATE message SET text = ?, {_THINKING} WHERE id = ? AND status = 'streaming'",  # noqa: S608
                *(text, thinking, thinking_seconds, message_id),
            )
        self._check_streamed(updated.rowcount, message_id)

    def finish(
        self,
        message_id: int,
        text: str,
        *,
        status: str,
        stats: Mapping[str, Any],
        thinking: str | None = None,
        thinking_seconds: float | None = None,
    ) -> None:
        """Save the whole answer with its final status (one of `records.ENDINGS`) and its measurements.

        None leaves the thinking, or its duration, unchanged. Raises StoreError `not_streaming`, ValueError for a status
        that is not an ending.
        """
        if status not in ENDINGS:
            raise ValueError(f"{status!r} is not a final status of an answer")
        with self._db.transaction():
            finished = self._db.write(
                f"UPDATE message SET text = ?, {_THINKING}, status = ?, stats = ?"  # noqa: S608
                " WHERE id = ? AND status = 'streaming'",
                *(text, thinking, thinking_seconds, status, json.dumps(dict(stats), ensure_ascii=False), message_id),
            )
            self._db.write(
                "UPDATE conversation SET updated_at = ? WHERE id = (SELECT conversation_id FROM message WHERE id = ?)",
                *(self._clock(), message_id),
            )
            self._check_streamed(finished.rowcount, message_id)

    def set_message_pinned(self, message_id: int, pinned: bool) -> None:
        """Pin a message, so that it stays in the prompt, or unpin it. Raises StoreError `not_found`."""
        with self._db.transaction():
            changed = self._db.write("UPDATE message SET pinned = ? WHERE id = ?", pinned, message_id)
        if not changed.rowcount:
            raise StoreError.of("not_found", thing="message", id=message_id)

    def note_outcome(self, message_id: int, status: str) -> None:
        """Save why a question got no answer: `stopped`, `error` or `interrupted`."""
        with self._db.transaction(durable=False):
            self._db.write("UPDATE message SET status = ? WHERE id = ? AND role = 'user'", status, message_id)

    def resume_answer(self, message_id: int) -> None:
        """Set an answer back to `streaming`, with the text that it has, to be continued."""
        with self._db.transaction():
            resumed = self._db.write(
                "UPDATE message SET status = 'streaming' WHERE id = ? AND role = 'assistant'", message_id
            )
            if not resumed.rowcount:
                raise StoreError.of("not_found", thing="answer", id=message_id)

    def switch_version(self, message_id: int, step: int) -> None:
        """Show the previous (-1) or next (+1) version of a message, with the path that was last shown below it.

        At the first or last version nothing changes.
        """
        message = self.message(message_id)
        index = message.sibling_index + step
        if 0 <= index < message.sibling_count:
            (version,) = self._db.rows(
                "SELECT id FROM message WHERE parent_id IS ? AND conversation_id = ? ORDER BY id LIMIT 1 OFFSET ?",
                *(message.parent_id, message.conversation_id, index),
            )
            self.show(version[0])

    def show(self, message_id: int) -> None:
        """Show the path through this message, such as for a search hit in another version."""
        conversation_id = self.message(message_id).conversation_id
        with self._db.transaction():
            leaf = self._db.row(f"{_ACTIVE_DESCENDANTS} {_LEAF}", message_id)
            self._activate_path_to(message_id)
            self._db.write(
                "UPDATE conversation SET active_leaf = ? WHERE id = ?", leaf[0] if leaf else message_id, conversation_id
            )

    def _interrupt_streaming(self) -> list[int]:
        """Set `streaming` messages to `interrupted`. Returns the ids of those in conversations that are not deleted."""
        with self._db.transaction():
            rows = self._db.rows(
                "SELECT m.id FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id"
                " WHERE m.status = 'streaming' AND c.deleted_at IS NULL ORDER BY m.id"
            )
            self._db.write("UPDATE message SET status = 'interrupted' WHERE status = 'streaming'")
        return [row[0] for row in rows]

    def _active_leaf(self, conversation_id: int) -> int | None:
        row = self._db.row("SELECT active_leaf FROM conversation WHERE id = ? AND deleted_at IS NULL", conversation_id)
        if row is None:
            raise StoreError.of("not_found", thing="conversation", id=conversation_id)
        leaf: int | None = row[0]
        return leaf

    def _check_parent(self, conversation_id: int, parent_id: int | None) -> None:
        if parent_id is not None and not self._db.row(
            "SELECT 1 FROM message WHERE id = ? AND conversation_id = ?", parent_id, conversation_id
        ):
            raise StoreError.of("not_found", thing="message", id=parent_id)

    def _check_streamed(self, count: int, message_id: int) -> None:
        if not count:
            self.message(message_id)  # raises `not_found` when there is none
            raise StoreError.of("not_streaming", id=message_id)

    def _activate_path_to(self, message_id: int) -> None:
        self._db.write(
            f"INSERT INTO active_child (parent_id, child_id) {_ANCESTORS}"  # noqa: S608
            f" SELECT parent_id, id FROM up WHERE parent_id IS NOT NULL {_REPLACE_CHILD}",
            message_id,
        )


def readable_messages(database: Database, conversation_id: int) -> list[StoredMessage]:
    """The messages of a conversation in a damaged file, as far as they can be read, in the order of their ids."""
    rows = (_readable_row(database, number) for number in row_ids(database, "message"))
    messages = (stored_message(row) for row in rows if row is not None)
    return [message for message in messages if message.conversation_id == conversation_id][::-1]


def _readable_row(database: Database, message_id: int) -> Row | None:
    """A message, without its pictures where these cannot be read."""
    for select in (SELECT_WITHOUT_SIBLINGS, _SELECT_WITHOUT_PICTURES):
        for row in readable_rows(database, f"{select} WHERE m.id = ?", [message_id]):
            return row
    return None


def stored_message(row: Row) -> StoredMessage:
    """The message of a row, selected as at the head of this module."""
    read = ValueReader(row)
    message = StoredMessage(
        id=read.integer(0),
        conversation_id=read.integer(1),
        parent_id=None if row[2] is None else read.integer(2),
        role=read.one_of(3, ROLES),  # type: ignore[arg-type]
        text=read.text(4),
        status=read.one_of(5, STATUSES),  # type: ignore[arg-type]
        created_at=read.number(6),
        model=read.text(7),
        stats=read.json_object(8),
        sibling_index=read.integer(9),
        sibling_count=read.integer(10),
        thinking=read.text(11),
        thinking_seconds=None if row[12] is None else read.number(12),
        pinned=bool(row[13]),
        attachments=attachments_in(row[14]),
        pictures=pictures_in(row[15]),
    )
    return replace(message, is_damaged=True) if read.is_damaged else message
