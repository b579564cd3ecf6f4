"""The progress of an installation: its step, bytes, speed and time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["download", "decrypt", "convert", "verify", "copy"]

_WINDOW_SECONDS = 10.0
_MOMENT_SECONDS = 0.1
_REPORT_SECONDS = 0.2


class InstallStoppedError(Exception):
    """The person stopped the installation. What is done so far is kept for the next time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One report.

    Attributes:
        stage: of the installation.
        what: the file in work.
        done, total: bytes; `total` is 0 when it is not known.
        bytes_per_second: over the last ten seconds; None before there is a speed.
        waiting: seconds until the next try, when a connection failed; 0 otherwise.
        why: of the waiting, in words.
    """

    stage: Stage
    what: str
    done: int
    total: int
    bytes_per_second: float | None = None
    waiting: float = 0.0
    why: str = ""

    @property
    def seconds_left(self) -> float | None:
        """The time left at this speed; None before there is a speed."""
        if not self.bytes_per_second or not self.total:
            return None
        return max(0, self.total - self.done) / self.bytes_per_second


Listener = Callable[[Step], None]


class Reporter:
    """Counts the bytes of one stage and reports them about five times a second.

    Each method raises InstallStoppedError once `stop` is set.
    """

    def __init__(self, stage: Stage, listener: Listener | None, stop: threading.Event, total: int = 0) -> None:
        self.total = total
        self._stage, self._listener, self._stop = stage, listener, stop
        self._what = ""
        self._done = 0
        self._moments: deque[tuple[float, int]] = deque()
        self._work = 0
        self._last_report = 0.0

    def begin(self, what: str) -> None:
        """Set the file that comes next."""
        self._what = what
        self._last_report = 0.0

    def add(self, n_bytes: int, *, counts: bool = True) -> None:
        """Count bytes; `counts` is False for bytes of an earlier run, which must not count for the speed."""
        self.check()
        self._done += n_bytes
        now = time.monotonic()
        if counts:
            self._work += n_bytes
            if not self._moments or now - self._moments[-1][0] >= _MOMENT_SECONDS:
                self._moments.append((now, self._work))
            while now - self._moments[0][0] > _WINDOW_SECONDS and len(self._moments) > 2:
                self._moments.popleft()
        if now - self._last_report >= _REPORT_SECONDS:
            self._last_report = now
            self._report()

    def reach(self, done: int) -> None:
        """Like `add`, with the total number of bytes so far."""
        self.add(done - self._done)

    def wait(self, seconds: float, why: str) -> None:
        """Wait before another try, and report every second how long still."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._report(left, why)
            self._stop.wait(min(1.0, left))
            self.check()
        self._moments.clear()

    def check(self) -> None:
        """Raise InstallStoppedError once `stop` is set."""
        if self._stop.is_set():
            raise InstallStoppedError

    def _report(self, waiting: float = 0.0, why: str = "") -> None:
        if self._listener:
            self._listener(Step(self._stage, self._what, max(0, self._done), self.total, self._speed(), waiting, why))

    def _speed(self) -> float | None:
        if len(self._moments) < 2:
            return None
        (start, before), (end, after) = self._moments[0], self._moments[-1]
        return (after - before) / (end - start) if end > start else None
