"""Conversations without their messages: the list, the settings of each, deleting and restoring."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from belle.texts import json_text
from desktop.store.database import Database, Row
from desktop.store.errors import StoreError
from desktop.store.instructions.facts import Facts
from desktop.store.instructions.personas import Personas, sampling_json, valid_sampling
from desktop.store.instructions.projects import Projects, truth_or_none
from desktop.store.reading import ValueReader
from desktop.store.records import (
    OVERFLOWS,
    ConversationSummary,
    SamplingChoice,
    StoredConversation,
    StoredStrategy,
    StoredSummary,
)
from desktop.store.salvage import read_or_salvage, readable_rows, row_ids

_DAY_S = 86_400.0
_SELECT_ROW = "SELECT id, title, pinned, updated_at, model, project_id FROM conversation"
_SELECT_SUMMARY = "SELECT message_id, covers, text, created_at FROM summary"


class Conversations(Projects, Personas, Facts):
    """The store's methods for whole conversations. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    def conversations(
        self,
        *,
        limit: int = 100,
        before: ConversationSummary | None = None,
        project_id: int | None = None,
        outside: Collection[int] = (),
    ) -> list[ConversationSummary]:
        """A page of the list: pinned ones first, then by time of the last message, newest first.

        Rows of a damaged file that cannot be read are left out.

        Args:
            before: the last summary of the previous page.
            project_id: only conversations of this project; None: of all projects and of none.
            outside: projects whose conversations are left out.
        """
        return read_or_salvage(
            self._db,
            lambda: self._page(limit, before, project_id, outside),
            lambda: self._readable_page(limit, before, project_id, outside),
        )

    def _page(
        self, limit: int, before: ConversationSummary | None, project_id: int | None, outside: Collection[int]
    ) -> list[ConversationSummary]:
        conditions = "deleted_at IS NULL"
        values: list[float] = []
        if project_id is not None:
            conditions += " AND project_id = ?"
            values.append(project_id)
        if outside:
            conditions += f" AND (project_id IS NULL OR project_id NOT IN ({', '.join('?' * len(outside))}))"
            values += outside
        if before is not None:
            # Row values compare in the order of the indices: unlike with OFFSET, no page costs more.
            conditions += " AND (pinned, updated_at, id) < (?, ?, ?)"
            values += [before.pinned, before.updated_at, before.id]
        order = "ORDER BY pinned DESC, updated_at DESC, id DESC LIMIT ?"
        return [_summary(row) for row in self._db.rows(f"{_SELECT_ROW} WHERE {conditions} {order}", *values, limit)]

    def _readable_page(
        self, limit: int, before: ConversationSummary | None, project_id: int | None, outside: Collection[int]
    ) -> list[ConversationSummary]:
        rows = readable_rows(
            self._db,
            # NOT INDEXED: a damaged index must not hide rows that can be read.
            f"{_SELECT_ROW} NOT INDEXED WHERE id = ? AND deleted_at IS NULL",
            row_ids(self._db, "conversation"),
        )
        summaries = [
            summary
            for summary in map(_summary, rows)
            if project_id in (None, summary.project_id) and (summary.project_id or 0) not in outside
        ]
        summaries.sort(key=_sort_key, reverse=True)
        return [row for row in summaries if before is None or _sort_key(row) < _sort_key(before)][:limit]

    def create_conversation(
        self,
        *,
        title: str = "",
        system_prompt: str = "",
        model: str = "",
        overflow: str = "refuse",
        project_id: int | None = None,
        own_model: str = "",
        sampling: SamplingChoice | None = None,
        uses_facts: bool | None = None,
        strategy: StoredStrategy | None = None,
    ) -> StoredConversation:
        """Create an empty conversation. Its title counts as automatic until `rename`."""
        now = self._clock()
        with self._db.transaction():
            created = self._db.write(
                "INSERT INTO conversation (title, system_prompt, model, overflow, project_id, own_model,"
                " sampling, uses_facts, strategy, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(title, system_prompt, model, overflow, project_id, own_model),
                *(sampling_json(sampling or {}), uses_facts, _strategy_json(strategy or StoredStrategy()), now, now),
            )
        return self.conversation(created.lastrowid or 0)

    def conversation(self, conversation_id: int) -> StoredConversation:
        """One conversation. Raises StoreError `not_found`, also for a deleted one."""
        row = self._db.row(
            "SELECT id, title, title_is_auto, system_prompt, model, pinned, created_at, updated_at, active_leaf,"
            " overflow, left_out, project_id, own_model, sampling, uses_facts, strategy FROM conversation"
            " WHERE id = ? AND deleted_at IS NULL",
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

    def set_sampling(self, conversation_id: int, sampling: SamplingChoice) -> None:
        """Set the sampling values of this conversation alone; empty: none."""
        self._set(conversation_id, sampling=sampling_json(sampling))

    def set_uses_facts(self, conversation_id: int, use: bool | None) -> None:
        """Set whether facts about the person are used in this conversation; None: as its project says."""
        self._set(conversation_id, uses_facts=use)

    def set_strategy(self, conversation_id: int, strategy: StoredStrategy) -> None:
        """Set how answers come about in this conversation."""
        self._set(conversation_id, strategy=_strategy_json(strategy))

    def set_model(self, conversation_id: int, model: str) -> None:
        """Set the model that answers in this conversation: a catalogue name or a path."""
        self._set(conversation_id, model=model)

    def set_own_model(self, conversation_id: int, model: str) -> None:
        """Set the model that was chosen for this conversation alone; empty: none."""
        self._set(conversation_id, own_model=model)

    def set_project(self, conversation_id: int, project_id: int | None) -> None:
        """Move the conversation into a project, or out of all. Raises StoreError `not_found` for an unknown one."""
        if project_id is not None:
            self.project(project_id)
        self._set(conversation_id, project_id=project_id)

    def set_overflow(self, conversation_id: int, overflow: str) -> None:
        """Set the context policy, one of `OVERFLOWS`. A different one starts with nothing left out."""
        if overflow != self.conversation(conversation_id).overflow:
            self._set(conversation_id, overflow=overflow, left_out="[]")

    def set_left_out(self, conversation_id: int, message_ids: Iterable[int]) -> None:
        """Set the messages that the prompt of the last answer did not contain."""
        self._set(conversation_id, left_out=json.dumps(sorted(message_ids)))

    def summaries(self, path: Sequence[int]) -> list[StoredSummary]:
        """The summaries that are valid for a path, given by its message ids; each covers more than the one before.

        Summaries of a damaged file that cannot be read are left out: the model can summarise again.
        """
        if not path:
            return []
        try:
            rows = read_or_salvage(self._db, lambda: self._summary_rows(path), lambda: self._readable_summaries(path))
        except StoreError as error:
            if error.kind != "damaged":
                raise
            rows = []
        ids = frozenset(path)
        summaries = (_stored_summary(row) for row in rows)
        return [summary for summary in summaries if summary.covers and ids.issuperset(summary.covers)]

    def save_summary(self, covers: Sequence[int], text: str, *, at: float | None = None) -> None:
        """Save a summary of the messages `covers`. It replaces one that ends with the same message.

        `at` is when it was made, in seconds since the epoch; None: now.
        """
        with self._db.transaction():
            self._db.write(
                "INSERT INTO summary (message_id, covers, text, created_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (message_id) DO UPDATE SET"
                " covers = excluded.covers, text = excluded.text, created_at = excluded.created_at",
                *(max(covers), json.dumps(sorted(covers)), text, self._clock() if at is None else at),
            )

    def edit_summary(self, message_id: int, text: str) -> None:
        """Replace the text of a summary. Raises StoreError `not_found`."""
        with self._db.transaction():
            changed = self._db.write("UPDATE summary SET text = ? WHERE message_id = ?", text, message_id)
        if not changed.rowcount:
            raise StoreError.of("not_found", thing="summary", id=message_id)

    def delete_summaries(self, path: Sequence[int]) -> None:
        """Delete all summaries that are valid for a path: each repeats what the one before it says."""
        with self._db.transaction():
            for summary in self.summaries(path):
                self._db.write("DELETE FROM summary WHERE message_id = ?", summary.message_id)

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
        now = self._clock()
        # What was deleted in the future, by a clock that has been set back since, counts as deleted now.
        query = "SELECT id FROM conversation WHERE deleted_at IS NOT NULL AND min(deleted_at, ?) <= ?"
        deleted_ids = [row[0] for row in self._db.rows(query, now, now - older_than_s)]
        if not deleted_ids:
            return 0
        with self._db.transaction():
            for conversation_id in deleted_ids:
                # Messages in any order: their foreign key to the parent is deferred to the commit.
                self._db.write("DELETE FROM message WHERE conversation_id = ?", conversation_id)
                self._db.write("DELETE FROM conversation WHERE id = ?", conversation_id)
        self._db.erase_removed()
        return len(deleted_ids)

    def _summary_rows(self, path: Sequence[int]) -> list[Row]:
        # Ids grow along a path, so this reads few rows of other paths.
        sql = f"{_SELECT_SUMMARY} WHERE message_id BETWEEN ? AND ? ORDER BY message_id"
        return self._db.rows(sql, path[0], path[-1])

    def _readable_summaries(self, path: Sequence[int]) -> list[Row]:
        return list(readable_rows(self._db, f"{_SELECT_SUMMARY} WHERE message_id = ?", path))

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


def _id(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _summary(row: Row) -> ConversationSummary:
    read = ValueReader(row)
    return ConversationSummary(read.integer(0), read.text(1), bool(row[2]), read.number(3), read.text(4), _id(row[5]))


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
        overflow=read.one_of(9, OVERFLOWS),  # type: ignore[arg-type]
        left_out=read.id_array(10),
        project_id=_id(row[11]),
        own_model=read.text(12),
        sampling=valid_sampling(read.json_object(13)),
        uses_facts=truth_or_none(row[14]),
        strategy=StoredStrategy.from_fields(read.json_object(15)),
    )


def _strategy_json(strategy: StoredStrategy) -> str:
    return "{}" if strategy == StoredStrategy() else json_text(strategy.fields)


def _stored_summary(row: Row) -> StoredSummary:
    read = ValueReader(row)
    return StoredSummary(read.integer(0), read.id_array(1), read.text(2), read.number(3))
