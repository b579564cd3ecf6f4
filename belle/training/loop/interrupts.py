"""SIGTERM and Ctrl-C while training: finish the step, save, and end with the status a shell expects.

Before the first step there is nothing to finish and nothing to save, and data may take minutes to prepare: there the
run ends at once.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_WATCHED = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):  # noqa: N818  # nothing went wrong
    """The run was asked to stop and has saved what it had.

    Args:
        number: the signal.
        where: the checkpoint, in words.
    """

    def __init__(self, number: int, where: str) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"Stopped by {name}; {where}")
        self.exit_status = 128 + number


class Interrupts:
    """Ends the run at the first signal, and once it `counts_steps` remembers it; the second one acts as if nobody
    watched. A context manager."""

    def __init__(self) -> None:
        self.received = 0
        self._counts_steps = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def count_steps(self) -> None:
        """From here on there are steps to be finished and saved, by whoever asks what was `received`."""
        self._counts_steps = True

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self._restore()
        if not self._counts_steps:
            raise Stopped(number, "nothing was trained yet.")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
