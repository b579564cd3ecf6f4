"""The cores of this machine: how many may be used, and how many are free of other processes' work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

_WINDOW_S = 0.3  # the kernel counts in steps of 10 ms
_AT_WORK = 0.1  # of the time since the last look, which this process must have computed to compare itself with others
_LOADAVG = Path("/proc/loadavg")
_NEARLY_IDLE = 0.6  # of a core that others use in part: it still counts as free


def usable_cores() -> tuple[int, int]:
    """Physical and logical cores that this process may run on; on Apple silicon the fast ones only."""
    import psutil

    logical = usable_processors()
    physical = psutil.cpu_count(logical=False) or logical
    if sys.platform == "darwin":
        physical = _performance_cores() or physical
    return max(1, min(physical, logical)), logical


def _performance_cores() -> int:
    """One slow core makes all the others wait at the end of every layer."""
    command = ["/usr/sbin/sysctl", "-n", "hw.perflevel0.physicalcpu"]
    try:
        return int(subprocess.run(command, capture_output=True, check=True, timeout=2).stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


class FreeCores:
    """How many threads would have a core of their own, judged by what other processes used since the last look.

    Looks at the machine at most three times a second (about 0.1 ms each), and returns the last answer in between. While
    this process only waited, what others used meanwhile says little; then the threads that run right now are counted.
    """

    def __init__(self) -> None:
        self._physical, self._logical = usable_cores()
        self._last = _Usage.now()
        self._free: int | None = None

    def __call__(self) -> int | None:
        """A number of threads from 1 to the physical cores; None while nothing is known."""
        elapsed = time.monotonic() - self._last.time
        if elapsed < _WINDOW_S:
            return self._free
        before, self._last = self._last, _Usage.now()
        was_busy = self._last.own - before.own >= _AT_WORK * elapsed
        others = (self._last.others - before.others) / elapsed if was_busy else _others_running()
        # The window that draws this answer, for example, uses a little of a core.
        free = None if others is None else int(self._logical - others + _NEARLY_IDLE)
        self._free = None if free is None else max(1, min(self._physical, free))
        return self._free


def _others_running() -> float | None:
    """How many threads besides this one are running or ready to run; None where the system does not say.

    The least of a few samples: a thread that computes all the time is in each of them.
    """
    samples = []
    for _ in range(3):
        time.sleep(0.001)
        try:
            # The fourth field is “running/existing” threads; this one is running.
            samples.append(int(_LOADAVG.read_text().split()[3].split("/")[0]) - 1)
        except (OSError, ValueError, IndexError):
            return None
    return float(min(samples))


class _Usage(NamedTuple):
    """Seconds of processor time used so far, by this process and by all others."""

    time: float
    own: float
    others: float

    @classmethod
    def now(cls) -> _Usage:
        import psutil

        times = psutil.cpu_times()
        # Nice processes give way to ours; the time of guests is already in the user time.
        not_busy = ("idle", "iowait", "nice", "guest", "guest_nice")
        busy = sum(times) - sum(getattr(times, name, 0.0) for name in not_busy)
        own = time.process_time()
        return cls(time.monotonic(), own, busy - own)


def usable_processors() -> int:
    """Logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
