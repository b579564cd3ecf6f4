"""Transactions on a bare connection: all of a block or nothing, for the store and for what opens it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, or undo it when the block or the commit fails."""
    if is_under_way(connection):  # a step of a larger one, which commits or undoes it
        yield
        return
    # IMMEDIATE: the lock is had at once or not at all, never asked for in the middle, where waiting could not help.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if is_under_way(connection):  # SQLite has undone it already when the disk is full
            connection.execute("ROLLBACK")
        raise


def is_under_way(connection: sqlite3.Connection) -> bool:
    """Whether a transaction is open."""
    return connection.in_transaction


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run several statements within the transaction that is open (`executescript` would commit it)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
