"""What the disk or the database does to us becomes a banner, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from desktop.chat.state import Notice
from desktop.store import StoreError


@contextmanager
def store_faults(tell: Callable[[Notice], object]) -> Iterator[None]:
    """Run the body; a StoreError ends it and is told as a notice."""
    try:
        yield
    except StoreError as error:
        tell(Notice.of_store(error))
