"""Turns errors of the store into notices, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from desktop.chat.state import Notice
from desktop.store import StoreError


@contextmanager
def store_faults(notify: Callable[[Notice], object]) -> Iterator[None]:
    """Run the block. A StoreError ends the block and goes to `notify` as a notice."""
    try:
        yield
    except StoreError as error:
        notify(Notice.of_store(error))
