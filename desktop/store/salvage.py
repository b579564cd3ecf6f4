"""Reads a file with unreadable pages row by row and skips the rows that fail.

A query over many rows fails as a whole when one of them, or a page of an index, cannot be read. A query for one row id
walks down the table's own tree and needs no index.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from desktop.store.database import Database, Row
from desktop.store.errors import StoreError

_MAX_ROWS = 100_000  # that are tried
_Read = TypeVar("_Read")


def read_or_salvage(database: Database, read: Callable[[], _Read], salvage: Callable[[], _Read]) -> _Read:
    """The result of `read`; where the file is damaged, that of `salvage`, unless it is empty.

    The damage is remembered in the database. Raises StoreError.
    """
    try:
        return read()
    except StoreError as error:
        if error.kind != "damaged":
            raise
        database.note_damage(error)
        rows = salvage()
        if not rows:
            raise
        return rows


def readable_rows(database: Database, sql: str, row_ids: Iterable[int]) -> Iterator[Row]:
    """The row that `sql` selects for each id, without those that cannot be read."""
    for row_id in row_ids:
        with contextlib.suppress(StoreError):
            row = database.row(sql, row_id)
            if row is not None:
                yield row


def row_ids(database: Database, table: str) -> range:
    """The ids that rows of a table can have, the newest first."""
    last = _MAX_ROWS
    # AUTOINCREMENT keeps the largest id ever used in `sqlite_sequence`; if that cannot be read either, all are tried.
    with contextlib.suppress(StoreError, TypeError, ValueError):
        row = database.row("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        last = int(row[0]) if row else 0
    return range(last, max(0, last - _MAX_ROWS), -1)


def connected_path(ids: Iterable[int], parents: dict[int, int | None], leaf: int | None) -> list[int]:
    """The path from the root to `leaf` through the messages that could be read (`ids`), the root first.

    Where a parent could not be read, the path goes on with the message of the next smaller id.
    """
    earlier = sorted(ids, reverse=True)
    message_id = leaf if leaf in parents else next(iter(earlier), None)
    path: list[int] = []
    while message_id is not None and message_id not in path:  # damaged parents may form a circle
        path.append(message_id)
        parent = parents[message_id]
        if parent is not None and parent not in parents:
            parent = next((number for number in earlier if number < message_id), None)
        message_id = parent
    return path[::-1]
