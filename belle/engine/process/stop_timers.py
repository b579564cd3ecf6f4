"""How long a request may take to stop before its process is ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator


class StopTimers:
    """A timer for each request that has been told to stop. Its caller holds a lock.

    Args:
        timeout: seconds.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._timers: dict[int, threading.Timer] = {}

    def __contains__(self, request_id: int) -> bool:
        return request_id in self._timers

    def __iter__(self) -> Iterator[int]:
        return iter(self._timers)

    def start(self, request_id: int, kill: Callable[[], object]) -> None:
        """Call `kill` on a thread of its own, unless the timer is cancelled in time."""
        timer = threading.Timer(self._timeout, kill)
        timer.daemon = True
        self._timers[request_id] = timer
        timer.start()

    def cancel(self, request_id: int) -> None:
        """The request has ended. Does nothing for one without a timer."""
        if timer := self._timers.pop(request_id, None):
            timer.cancel()

    def cancel_all(self) -> None:
        """The process has ended, or is about to."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
