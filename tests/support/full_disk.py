"""A disk without a free page, for one store: SQLite itself refuses to let the file grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from desktop.store import Store


@contextmanager
def full_disk(store: Store) -> Iterator[None]:
    """Nothing that needs another page can be written inside the block."""
    store._db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    ((pages,),) = store._db.rows("PRAGMA page_count")
    store._db.rows(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        store._db.rows("PRAGMA max_page_count = 1073741823")
