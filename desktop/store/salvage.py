"""What can still be read of a file with unreadable pages: row by row, without what goes wrong.

A query over many rows fails as a whole when one of them, or a page of an index, cannot be read. Here each row is asked
for by its number, which needs no index.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from desktop.store.database import Database, Row
from desktop.store.errors import StoreError

_MOST = 100_000  # rows that are tried
_Read = TypeVar("_Read")


def unless_damaged(database: Database, read: Callable[[], _Read], otherwise: Callable[[], _Read]) -> _Read:
    """What `read` gives, or when the file is damaged there, what `otherwise` gives if that is anything.

    The damage is noted in the database. Raises StoreError.
    """
    try:
        return read()
    except StoreError as error:
        if error.kind != "damaged":
            raise
        database.note_damage(error)
        rows = otherwise()
        if not rows:
            raise
        return rows


def readable(database: Database, sql: str, numbers: Iterable[int]) -> Iterator[Row]:
    """The row that `sql` gives for each number, for those that can be read."""
    for number in numbers:
        with contextlib.suppress(StoreError):
            row = database.row(sql, number)
            if row is not None:
                yield row


def numbers(database: Database, table: str) -> range:
    """The numbers that rows of a table can have, the newest first."""
    last = _MOST
    with contextlib.suppress(StoreError, TypeError, ValueError):
        row = database.row("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        last = int(row[0]) if row else 0
    return range(last, max(0, last - _MOST), -1)


def hangs_together(ids: Iterable[int], parents: dict[int, int | None], leaf: int | None) -> list[int]:
    """A path up from `leaf` through the messages that could be read, the first message first.

    Where the parent could not be, it goes on with the nearest message before it.
    """
    earlier = sorted(ids, reverse=True)
    message_id = leaf if leaf in parents else next(iter(earlier), None)
    path: list[int] = []
    while message_id is not None and message_id not in path:
        path.append(message_id)
        parent = parents[message_id]
        if parent is not None and parent not in parents:
            parent = next((number for number in earlier if number < message_id), None)
        message_id = parent
    return path[::-1]
