"""Which process of a run has died: the others learn it by name, and not as “connection closed by peer”.

Every process counts up a number in the store that all of them share. When the exchange of gradients fails, those whose
number stands still are the ones that are gone; the others merely noticed it too.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep
from typing import Any

INTERVAL_SECONDS = 1.0
PATIENCE_SECONDS = 6.0


class Heartbeat:
    """Beats in a thread until `stop`.

    Args:
        store: torch's TCPStore or PrefixStore, shared by all processes.
        rank: number of this process.
        world_size: how many there are.
    """

    def __init__(self, store: Any, rank: int, world_size: int) -> None:
        self._store = store
        self._rank = rank
        self._world_size = world_size
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def lost(self) -> list[int]:
        """The processes that give no sign of life for some seconds; rank 0 when the store itself, which it keeps, is
        gone."""
        try:
            before = {rank: self._count(rank) for rank in range(self._world_size) if rank != self._rank}
            until = monotonic() + PATIENCE_SECONDS
            while before and monotonic() < until:
                sleep(INTERVAL_SECONDS / 4)
                before = {rank: count for rank, count in before.items() if self._count(rank) == count}
        except (RuntimeError, OSError):
            return [0]
        return sorted(before)

    def _count(self, rank: int) -> int:
        return int(self._store.add(f"beat/{rank}", 0))

    def _beat(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            try:
                self._store.add(f"beat/{self._rank}", 1)
            except (RuntimeError, OSError):
                return
