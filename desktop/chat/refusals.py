"""What the store refuses to take (a full disk): said once for all that waits for it, until nothing does."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from desktop.chat.state import Notice
from desktop.store import Store, StoreError

RETRY_S = 3.0
"""After this long a write that was refused is tried again."""


class Refusals:
    """One banner for each reason, whatever waits: it comes with the first refusal, and goes when all is stored."""

    def __init__(self, store: Store, tell: Callable[[Notice], object], cleared: Callable[[str], object]) -> None:
        self._store = store
        self._tell, self._cleared = tell, cleared
        self._waiting: dict[Hashable, StoreError] = {}

    def note(self, what: Hashable, error: StoreError) -> None:
        """The store has refused `what`, any name that is always the same for it."""
        before = self._waiting.get(what)
        is_news = self._is_over(error)
        self._waiting[what] = error
        self._take_back(before)
        if is_news and not self._store.is_read_only:  # that was said at the start
            self._tell(Notice.of_store(error))

    def end(self, what: Hashable) -> None:
        """The store has taken `what`, or it is no longer to be stored."""
        self._take_back(self._waiting.pop(what, None))

    def _take_back(self, error: StoreError | None) -> None:
        if error is not None and self._is_over(error):
            self._cleared(Notice.of_store(error).key)

    def _is_over(self, error: StoreError) -> bool:
        return all(other.kind != error.kind for other in self._waiting.values())
