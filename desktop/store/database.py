"""The open file: how it is opened safely, and the only way in which the rest of the store reads and writes it.

Every commit is on the disk before it returns (`synchronous = FULL`, and `fullfsync` on macOS, which would otherwise
stop at the drive's cache), except those asked for with `durable=False`: the checkpoints of a partial answer. Losing the
last of these to a power cut costs a second of text, while waiting for the disk each second would stall the window.
Neither kind loses anything when only the process dies.
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
from desktop.store.reading import decoded
from desktop.store.transactions import transaction

_BUSY_TIMEOUT_S = 2.0  # how long the window may stand still for another program's lock
_CACHE_KIB = 16_384
_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables

Row = tuple[Any, ...]


class Database:
    """One connection, for the thread that opened it. What a person can act on is raised as `StoreError`."""

    def __init__(self, path: Path, migrations: Sequence[Migration], *, check: bool = True) -> None:
        """Open the file, make it when it is not there, bring it up to date.

        Nothing is changed before it is known that the file is ours, and of a version that this program understands.

        Args:
            check: look through a file that the last run left open, or found damaged, and refuse it if it is.

        Raises StoreError.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            needed = ".".join(map(str, _OLDEST_SQLITE))
            raise StoreError.of("old_sqlite", found=sqlite3.sqlite_version, needed=needed)
        self.path = path
        with known_errors(path), contextlib.ExitStack() as undo:
            private_folder(path.parent)
            self._lock = StoreLock(path)
            undo.callback(self._lock.release)
            _make_private_file(path)
            doubt = _doubt(path)
            is_unchecked = was_left_open(path) or doubt.exists()
            version = identify(path, migrations)
            self._connection = _connect(path)
            undo.callback(self._connection.close)
            if is_unchecked and check:
                _check(self._connection, path)
                doubt.unlink(missing_ok=True)
            write_identity(self._connection, version)
            migrate(self._connection, path, migrations)
            self.has_index = _attach_index(self._connection)
            undo.pop_all()
        self.damage: StoreError | None = None
        self._is_open = True

    def note_damage(self, error: StoreError) -> None:
        """A part of the file cannot be read. The next open looks through all of it."""
        self.damage = self.damage or error
        with contextlib.suppress(OSError):
            _doubt(self.path).touch(0o600)

    def refuse_changes(self, path: Path) -> None:
        """From now on nothing is written: what is read is a copy of the file at `path`, which cannot be."""
        self.path = path
        self.rows("PRAGMA query_only = ON")

    def close(self) -> None:
        """Give the file back. May be called twice."""
        if self._is_open:
            self._is_open = False
            self._connection.close()
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
        """The rows of a query one by one, for a caller that may have enough before the end."""
        with known_errors(self.path):
            cursor = self._connection.execute(sql, _storable(values))
            with contextlib.closing(cursor):
                yield from cursor

    def write(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Change something, inside a transaction. The cursor tells `rowcount` and `lastrowid`."""
        with known_errors(self.path):
            return self._connection.execute(sql, _storable(values))

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """All that the block writes happens, or nothing. `durable`: it is on the disk when the block has ended."""
        relaxed = not durable and not self._connection.in_transaction
        if relaxed:
            self.write("PRAGMA synchronous = NORMAL")
        try:
            with known_errors(self.path), transaction(self._connection):
                yield
        except StoreError as error:
            if error.kind == "damaged":
                self.give_up_index()  # if it was the index, the next attempt succeeds
            raise
        finally:
            if relaxed:
                self.write("PRAGMA synchronous = FULL")

    def give_up_index(self) -> None:
        """Do without the search index, which may be damaged; the next open makes it anew."""
        self.has_index = False
        with contextlib.suppress(StoreError), known_errors(self.path):
            search_index.detach(self._connection)

    def forget_removed(self) -> None:
        """Leave nothing of what was removed readable in the search index or in the log beside the file."""
        if self.has_index:
            with self.transaction():
                search_index.compact(self._connection)
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def _attach_index(connection: sqlite3.Connection) -> bool:
    """False also where a damaged file lets no index be made, nor the old one be taken away."""
    try:
        return search_index.attach(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        return False


def _doubt(path: Path) -> Path:
    """The file that says that the one at `path` is to be looked through."""
    return path.with_name(f"{path.name}.doubtful")


def _make_private_file(path: Path) -> None:
    """Make the file when it is not there. It is for its owner's eyes only; SQLite's own files beside it follow it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    connection.text_factory = decoded
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "fullfsync = ON",
            "foreign_keys = ON",
            "secure_delete = ON",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Look through all that cannot be made again, about a second for 500,000 messages. Raises StoreError `damaged`."""
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if not table.startswith(search_index.NAME):
            (verdict,) = connection.execute(f'PRAGMA quick_check("{table}")').fetchone()
            if verdict != "ok":
                raise StoreError.of("damaged", path=str(path), reason=" ".join(str(verdict).split()))


def _storable(values: Sequence[Any]) -> list[Any]:
    return [storable(value) if isinstance(value, str) else value for value in values]


def storable(text: str) -> str:
    """`text` with what is not text, NUL and halves of surrogate pairs, replaced by U+FFFD as a decoder would."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text
