"""What the store refuses, as notices: a read or a change at once (`store_faults`), writes that are tried again
(`Refusals`) with one notice for each kind of error, while anything waits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from desktop.chat.state import Notice
from desktop.store import Store, StoreError

_Value = TypeVar("_Value")

RETRY_S = 3.0
"""A refused write is tried again after this time."""


@contextmanager
def store_faults(notify: Callable[[Notice], object]) -> Iterator[None]:
    """Run the block. A StoreError ends the block and goes to `notify` as a notice."""
    try:
        yield
    except StoreError as error:
        notify(Notice.of_store(error))


def read_or(read: Callable[[], _Value], default: _Value, notify: Callable[[Notice], object]) -> _Value:
    """What `read` returns; `default` where it raises StoreError, which goes to `notify` as a notice."""
    try:
        return read()
    except StoreError as error:
        notify(Notice.of_store(error))
        return default


class Refusals:
    """One notice for each kind of error: shown at its first refusal, cleared when everything it refused is stored."""

    def __init__(self, store: Store, notify: Callable[[Notice], object], clear: Callable[[str], object]) -> None:
        self._store = store
        self._notify, self._clear = notify, clear
        self._waiting: dict[Hashable, StoreError] = {}

    def note(self, what: Hashable, error: StoreError) -> None:
        """The store has refused `what`: any key that identifies the thing to be stored."""
        before = self._waiting.get(what)
        is_new = self._nothing_waits_for(error)
        self._waiting[what] = error
        self._clear_if_resolved(before)
        if is_new and not self._store.is_read_only:  # the notice of the start says it
            self._notify(Notice.of_store(error))

    def end(self, what: Hashable) -> None:
        """The store has accepted `what`, or it need not be stored any more."""
        self._clear_if_resolved(self._waiting.pop(what, None))

    def _clear_if_resolved(self, error: StoreError | None) -> None:
        if error is not None and self._nothing_waits_for(error):
            self._clear(Notice.of_store(error).key)

    def _nothing_waits_for(self, error: StoreError) -> bool:
        return all(other.kind != error.kind for other in self._waiting.values())
