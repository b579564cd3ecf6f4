"""Identifies a file without changing a byte of it: whether it is a store, of which version, and cut short or not.

SQLite alone is too lenient: it takes a file of one byte for an empty database, and accepts a file that ends in the
middle of its last page.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from desktop.store.errors import StoreError
from desktop.store.migrations import Migration, version_of
from desktop.store.schema import APPLICATION_ID
from desktop.store.search_index import NAME as INDEX

MAGIC = b"SQLite format 3\0"


def was_left_open(path: Path) -> bool:
    """Whether the last run did not close the file: closing removes the log beside it."""
    logs = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal"))
    return any(log.exists() and log.stat().st_size > 0 for log in logs)


def identify(path: Path, migrations: Sequence[Migration]) -> int:
    """The schema version of the file; 0 when it is empty.

    The header says it. Where the header is impossible (overwritten, perhaps), the tables decide.

    Raises StoreError `not_a_store`, `damaged` or `newer_schema`, sqlite3.Error and OSError.
    """
    _check_header(path)
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        version = version_of(connection)
        if application == version == tables == 0:
            return 0
        if application != APPLICATION_ID or version < 1:
            version = _version_by_tables(connection, migrations)
    finally:
        connection.close()
    if version == 0:
        if application == APPLICATION_ID:
            raise StoreError.of("damaged", path=str(path), reason="its tables are not those of any version")
        raise StoreError.of("not_a_store", path=str(path))
    if version > len(migrations):
        raise StoreError.of("newer_schema", path=str(path), found=version, known=len(migrations))
    return version


def write_identity(connection: sqlite3.Connection, version: int) -> None:
    """Write application id and version into the header where they differ. Raises sqlite3.Error."""
    if version > 0:
        for name, value in (("application_id", APPLICATION_ID), ("user_version", version)):
            if connection.execute(f"PRAGMA {name}").fetchone() != (value,):
                connection.execute(f"PRAGMA {name} = {value}")


def _version_by_tables(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> int:
    """The version that has exactly these tables, indexes and triggers; 0 when none has."""
    objects = _schema_objects(connection)
    in_memory = sqlite3.connect(":memory:", isolation_level=None)
    version = 0
    try:
        for number, migration in enumerate(migrations, start=1):
            migration(in_memory)
            if _schema_objects(in_memory) == objects:
                version = number
    finally:
        in_memory.close()
    return version


def _schema_objects(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    objects = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    return {(name, sql) for name, sql in objects if not name.startswith(("sqlite_", INDEX))}


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(100)
    if not header:
        return
    if not header.startswith(MAGIC[: len(header)]):
        raise StoreError.of("not_a_store", path=str(path))
    # https://www.sqlite.org/fileformat2.html#page_size
    page_size = int.from_bytes(header[16:18], "big")
    if page_size == 1:  # 65,536 does not fit into two bytes; the format writes 1 for it
        page_size = 65_536
    is_cut = len(header) < 100 or (page_size > 0 and path.stat().st_size % page_size > 0)
    if is_cut and not was_left_open(path):  # a log that was left has the missing pages
        raise StoreError.of("damaged", path=str(path), reason="it has been cut short")


class StoreLock:
    """An exclusive lock on a file beside the database, held until `release`: one window at a time opens the store.

    SQLite itself would let two windows work on one file. But a window that starts marks every *streaming* answer as
    *interrupted*, and must not do that to an answer that another window is still writing. The system drops the lock
    when the process ends, however it ends, so a crash never locks anyone out.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises StoreError `in_use` when another window has it, OSError when it cannot be made."""
        # The lock file is never removed: one window could lock a removed file while the next locks a new one.
        self._file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StoreError.of("in_use", path=str(path)) from None
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Release the lock. To be called once."""
        os.close(self._file)
