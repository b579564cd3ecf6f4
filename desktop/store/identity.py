"""What a file is, found out without changing a byte of it: ours, of which version, whole or cut short.

SQLite alone is too kind here: it takes a file of one byte for an empty one, and does not mind when the end of the last
page is missing.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from desktop.store.errors import StoreError
from desktop.store.migrations import version_of
from desktop.store.schema import APPLICATION_ID

MAGIC = b"SQLite format 3\0"


def was_left_open(path: Path) -> bool:
    """The last run did not close the file: SQLite removes its log when it does."""
    logs = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal"))
    return any(log.exists() and log.stat().st_size > 0 for log in logs)


def identify(path: Path, known: int) -> None:
    """Make sure that the file is empty, or a store of a version up to `known`.

    Raises StoreError `not_a_store`, `damaged` or `newer_schema`, sqlite3.Error and OSError.
    """
    _check_header(path)
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        version = version_of(connection)
    finally:
        connection.close()
    is_new = application == version == tables == 0
    if application != APPLICATION_ID and not is_new:
        raise StoreError.of("not_a_store", path=str(path))
    if version > known:
        raise StoreError.of("newer_schema", path=str(path), found=version, known=known)


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(100)
    if not header:
        return
    if not header.startswith(MAGIC[: len(header)]):
        raise StoreError.of("not_a_store", path=str(path))
    # https://www.sqlite.org/fileformat2.html#page_size
    page_size = int.from_bytes(header[16:18], "big")
    if page_size == 1:  # how the format writes what needs one bit more
        page_size = 65_536
    is_cut = len(header) < 100 or (page_size > 0 and path.stat().st_size % page_size > 0)
    if is_cut and not was_left_open(path):  # a log that is left has what is missing
        raise StoreError.of("damaged", path=str(path), reason="it has been cut short")
