"""Errors of SQLite and of the operating system as `StoreError`s, sorted by what the person can do about them.

In a damaged file any statement may fail in any way, so every error of SQLite and of its Python module is translated.
Only wrong use of the module (`sqlite3.ProgrammingError`, `sqlite3.InterfaceError`) is a bug of ours and passes through.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from belle.errors import KnownError

_FULL_DISK_BYTES = 1 << 20  # an I/O error with less free space than this is reported as a full disk

_TEXTS = {
    "newer_schema": (
        "{path} was written by a newer ChatBELLE (format {found}; this one knows formats up to {known}).",
        "Open it with the newer ChatBELLE. Nothing was changed.",
    ),
    "old_sqlite": (
        "This Python comes with SQLite {found}; ChatBELLE needs {needed} or newer.",
        "Install a newer Python. Nothing was changed.",
    ),
    "damaged": (
        "The conversation file {path} is damaged: {reason}.",
        "Nothing was changed. Move the file away for repair, or replace it by a backup if you have one.",
    ),
    "not_a_store": (
        "{path} is not a ChatBELLE conversation file.",
        "Move it away or choose another folder. Nothing was changed.",
    ),
    "in_use": (
        "The conversations in {path} are already open in another ChatBELLE window.",
        "Use that window, or close it first.",
    ),
    "locked": (
        "Another program keeps the conversation file {path} locked.",
        "Close that program, such as a backup or a database viewer, and try again.",
    ),
    "disk_full": (
        "The disk that holds {path} is full.",
        "Free some space and try again. What was saved before is safe.",
    ),
    "read_only": (
        "The conversation file {path} can be read but not written.",
        "Make the file and its folder writable for you.",
    ),
    "no_permission": (
        "ChatBELLE may not open {path}.",
        "Give your user the right to read and write the file and its folder.",
    ),
    "io_error": (
        "Reading or writing {path} failed: {reason}.",
        "Check that the disk is connected, has space left and is healthy.",
    ),
    "not_found": ("There is no {thing} with the number {id}.", "It may have been deleted."),
    "not_streaming": ("Message {id} is finished: its text cannot be written any more.", ""),
}

_KIND_OF_CODE = {
    sqlite3.SQLITE_FULL: "disk_full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "no_permission",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_CANTOPEN: "io_error",
    sqlite3.SQLITE_NOLFS: "io_error",
    sqlite3.SQLITE_IOERR: "io_error",
    sqlite3.SQLITE_NOTADB: "damaged",  # a file that never was a database is refused before (`opening.identify`)
}

_KIND_OF_ERRNO = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "read_only",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
    errno.EISDIR: "not_a_store",
}


class StoreError(KnownError):
    """An error of the store that a person can act on. `details` has the values in the sentence (`path`, `found` …)."""

    @classmethod
    def of(cls, kind: str, **details: Any) -> StoreError:
        """The error of this kind, its sentence filled in from `details`."""
        message, advice = _TEXTS[kind]
        return cls(kind, message.format(**details), advice, **details)


@contextmanager
def known_errors(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the system inside the block into `StoreError`s about the file `path`."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        raise _from_sqlite(error, path) from error
    except OSError as error:
        raise _from_os(error, path) from error
    except (OverflowError, UnicodeError, MemoryError) as error:  # impossible values in a damaged file
        raise StoreError.of("damaged", path=str(path), reason=str(error) or type(error).__name__) from error


def _from_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)  # absent on errors of the Python module itself
    # The low byte of an extended code (SQLITE_IOERR_WRITE) is the primary one (SQLITE_IOERR).
    kind = "damaged" if code is None else _KIND_OF_CODE.get(code & 0xFF, "damaged")
    if kind == "io_error" and _is_full(path):
        kind = "disk_full"
    return StoreError.of(kind, path=str(path), reason=str(error))


def _from_os(error: OSError, path: Path) -> StoreError:
    kind = _KIND_OF_ERRNO.get(error.errno or 0, "io_error")
    if kind == "no_permission" and os.access(path, os.R_OK):
        kind = "read_only"
    return StoreError.of(kind, path=str(path), reason=error.strerror or str(error))


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _FULL_DISK_BYTES
    except OSError:
        return False
