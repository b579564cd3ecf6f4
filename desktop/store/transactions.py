"""Transactions on a plain `sqlite3.Connection`, for the store and for what opens it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes; roll back when the block or the commit fails. Nested ones do nothing."""
    if _is_open(connection):  # nested
        yield
        return
    # IMMEDIATE takes the write lock now. A deferred transaction takes it at its first write, and if another process has
    # written since its first read it fails at once with SQLITE_BUSY, without waiting for the timeout.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if _is_open(connection):  # SQLite has already rolled back when the disk is full
            connection.execute("ROLLBACK")
        raise


def _is_open(connection: sqlite3.Connection) -> bool:
    # Not the property itself: mypy assumes that its value stays the same within a function.
    return connection.in_transaction


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run several statements within the open transaction (`executescript` would commit it first)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        # A trigger has semicolons in its body: `complete_statement` knows where it ends.
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
