"""SIGTERM and Ctrl-C while training: finish the step, save, and end with the status a shell expects.

Before the first step there is nothing to finish or to save, and preparing the data may take minutes: a signal then ends
the run at once.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):  # noqa: N818  # nothing went wrong
    """The run was asked to stop and has saved what it had.

    Args:
        number: the signal.
        saved: what was written, as a sentence.
    """

    def __init__(self, number: int, saved: str) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"Stopped by {name}; {saved}")
        self.exit_status = 128 + number


class Interrupts:
    """A context manager: the first signal raises Stopped or, after `defer`, is only noted in `received`.

    A second signal has its usual effect.
    """

    def __init__(self) -> None:
        self.received = 0
        self._deferred = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers there alone
            self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def defer(self) -> None:
        """From now on only note signals: the caller finishes its step, looks at `received`, saves and ends."""
        self._deferred = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self._restore()
        if not self._deferred:
            raise Stopped(number, "nothing was trained yet.")

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
