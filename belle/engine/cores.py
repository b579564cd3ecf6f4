"""The machine's processor as the engine sees it: how many cores it may use, and how many others are using now."""

from __future__ import annotations

import os
import subprocess
import sys
import time

_WINDOW_S = 0.3  # the kernel counts in steps of 10 ms
_STALE_S = 10.0
_NEARLY_IDLE = 0.6


def usable_cores() -> tuple[int, int]:
    """Physical and logical cores that this process may run on; on Apple silicon the fast ones only."""
    import psutil

    logical = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
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
    """How many threads would find a core of their own, by what other processes used since the last look.

    Looks at the machine three times a second at most (about 0.1 ms each), and gives the last answer in between.
    """

    def __init__(self) -> None:
        self._physical, self._logical = usable_cores()
        self._last = self._read()
        self._free: int | None = None

    def __call__(self) -> int | None:
        """A number of threads from 1 to the physical cores, None while nothing is known of the last moments."""
        elapsed = time.monotonic() - self._last[0]
        if elapsed < _WINDOW_S:
            return self._free
        before, self._last = self._last, self._read()
        if elapsed > _STALE_S:
            self._free = None
        else:
            others = max(0.0, self._last[1] - before[1]) / (self._last[0] - before[0])
            # A core that others use a little, the window drawing this answer for example, counts as free.
            self._free = max(1, min(self._physical, int(self._logical - others + _NEARLY_IDLE)))
        return self._free

    @staticmethod
    def _read() -> tuple[float, float]:
        """The time, and the seconds of processor time that others have used so far."""
        import psutil

        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # A guest's time is counted within user time as well.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return time.monotonic(), total - idle - time.process_time()
