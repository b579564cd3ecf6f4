"""The open database file: opening it safely, and every read and write of the rest of the store.

A commit returns when its data is on the disk (`synchronous = FULL`, and on macOS `fullfsync`, because an ordinary fsync
stops at the cache of the drive there). The exception is `durable=False`: checkpoints of a partial answer, and drafts. A
power cut may lose the last of these, which is a second of text; waiting for the disk every second would stall the
window. When only the process dies, neither kind loses anything.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from belle.paths import private_folder
from desktop.store import search_index
from desktop.store.errors import StoreError, known_errors
from desktop.store.migrations import Migration, migrate
from desktop.store.opening import StoreLock, identify, was_left_open, write_identity
from desktop.store.reading import decode_text
from desktop.store.transactions import transaction

_BUSY_TIMEOUT_S = 2.0  # the window does not react while it waits for another program's lock
_CACHE_KIB = 16_384
_DOCUMENTS = "document_"
"""Prefix of the tables of `desktop.documents`."""
_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables

Row = tuple[Any, ...]


class Database:
    """One connection, to be used by the thread that opened it. Errors of SQLite and the system become `StoreError`."""

    def __init__(self, path: Path, migrations: Sequence[Migration], *, check: bool = True) -> None:
        """Open the file or create it, and migrate it to the newest version.

        The file is not changed before it is known to be a store of a version that this program understands.

        Args:
            check: check a file that the last run did not close, or in which it met damage, and refuse a damaged one.

        Raises StoreError.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            needed = ".".join(map(str, _OLDEST_SQLITE))
            raise StoreError.of("old_sqlite", found=sqlite3.sqlite_version, needed=needed)
        self.path = path
        with known_errors(path), contextlib.ExitStack() as undo:
            private_folder(path.parent)
            self._lock: StoreLock | None = StoreLock(path)
            undo.callback(self._lock.release)
            _make_private_file(path)
            marker = _recheck_marker(path)
            # Before `_connect`: an open database has a log of its own.
            needs_check = was_left_open(path) or marker.exists()
            version = identify(path, migrations)
            self._connection = _connect(path)
            undo.callback(self._connection.close)
            if needs_check and check:
                _check(self._connection, path)
                marker.unlink(missing_ok=True)
            write_identity(self._connection, version)
            migrate(self._connection, path, migrations)
            self.has_index = _attach_index(self._connection)
            undo.pop_all()
        self.file = path
        """The file that is really open; `path` is the one that errors name."""
        self.damage: StoreError | None = None
        self._is_open = True

    @classmethod
    def beside(cls, file: Path) -> Database:
        """One more connection to a file that this process has open already, for the thread that calls this.

        It stands under the lock of the first, and leaves the search index to it. Raises StoreError.
        """
        database = cls.__new__(cls)
        database.path = database.file = file
        database._lock = None
        with known_errors(file):
            database._connection = _connect(file)
        database.has_index = False
        database.damage = None
        database._is_open = True
        return database

    def note_damage(self, error: StoreError) -> None:
        """Remember that a part of the file cannot be read; the next open checks the whole file."""
        self.damage = self.damage or error
        with contextlib.suppress(OSError):
            _recheck_marker(self.path).touch(0o600)

    def refuse_changes(self, path: Path) -> None:
        """Refuse every write from now on; errors name `path`, the file of which this one is a copy."""
        self.path = path
        self.rows("PRAGMA query_only = ON")

    def close(self) -> None:
        """Close the file and release its lock. May be called twice."""
        if self._is_open:
            self._is_open = False
            self._connection.close()
            if self._lock is not None:
                self._lock.release()

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Every row of a query."""
        with known_errors(self.path):
            return self._connection.execute(sql, _storable(values)).fetchall()

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def stream(self, sql: str, *values: Any) -> Iterator[Row]:
        """The rows of a query one by one, for a caller that may stop before the end."""
        with known_errors(self.path):
            cursor = self._connection.execute(sql, _storable(values))
            with contextlib.closing(cursor):
                yield from cursor

    def write(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run a changing statement inside a transaction. The cursor has `rowcount` and `lastrowid`."""
        with known_errors(self.path):
            return self._connection.execute(sql, _storable(values))

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Commit all that the block writes, or nothing of it. `durable`: it is on the disk when the block has ended."""
        # `synchronous` cannot be changed inside a transaction, so an inner block has the durability of the outer one.
        relaxed = not durable and not self._connection.in_transaction
        if relaxed:
            self.write("PRAGMA synchronous = NORMAL")
        try:
            with known_errors(self.path), transaction(self._connection):
                yield
        except StoreError as error:
            if error.kind == "damaged":
                self.disable_index()  # if the damage is in the index, the next attempt succeeds
            raise
        finally:
            if relaxed:
                self.write("PRAGMA synchronous = FULL")

    def disable_index(self) -> None:
        """Stop using the search index, which may be damaged; the next open rebuilds it."""
        self.has_index = False
        with contextlib.suppress(StoreError), known_errors(self.path):
            search_index.detach(self._connection)

    def erase_removed(self) -> None:
        """Remove the texts of removed messages from the search index and from the log beside the file too."""
        if self.has_index:
            with self.transaction():
                search_index.compact(self._connection)
        self.truncate_log()

    def truncate_log(self) -> None:
        """Empty the log beside the file, which has the pages as they were before a text was removed."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def _attach_index(connection: sqlite3.Connection) -> bool:
    """Attach the index. False also where the file is too damaged to build an index or to drop the old one."""
    try:
        return search_index.attach(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        return False


def _recheck_marker(path: Path) -> Path:
    """The empty file that says that the next open must check the file at `path`."""
    return path.with_name(f"{path.name}.doubtful")


def _make_private_file(path: Path) -> None:
    """Create the file if it does not exist, readable by its owner only. SQLite gives its own files the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    # isolation_level None: otherwise Python begins (deferred) transactions by itself.
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    # The default raises for text that is not UTF-8, and one flipped bit would make a whole conversation unreadable.
    connection.text_factory = decode_text
    try:
        for pragma in (
            "journal_mode = WAL",  # the daily backup can read while the window writes
            "synchronous = FULL",
            "fullfsync = ON",
            "foreign_keys = ON",
            "secure_delete = ON",  # overwrites with zeros what is deleted
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Check every table but those that can be made again. Takes about a second for 500,000 messages.

    Raises StoreError `damaged`.
    """
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if not table.startswith((search_index.NAME, _DOCUMENTS)):
            (verdict,) = connection.execute(f'PRAGMA quick_check("{table}")').fetchone()
            if verdict != "ok":
                raise StoreError.of("damaged", path=str(path), reason=" ".join(str(verdict).split()))


def _storable(values: Sequence[Any]) -> list[Any]:
    return [storable(value) if isinstance(value, str) else value for value in values]


def storable(text: str) -> str:
    """`text` with U+FFFD for NUL, at which SQL functions stop, and for lone surrogates, which UTF-8 cannot encode."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text
