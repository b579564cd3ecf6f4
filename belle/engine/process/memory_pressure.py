"""Whether the system ran short of memory while a child process ran, to explain why it was killed."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from belle.engine.llama.memory import available_memory, cgroup_folders

_VMSTAT = Path("/proc/vmstat")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_SHORT_BYTES = 1 << 28
_SHORT_SHARE = 0.05
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """The memory of the machine while a process ran.

    Attributes:
        ran_out: the kernel killed a process (not necessarily this one) because memory ran out.
        free: bytes available at the lowest point that was seen.
        total: bytes of the machine.
    """

    ran_out: bool
    free: int
    total: int

    @property
    def short(self) -> bool:
        """Whether less was free than a system needs."""
        return self.free < max(_SHORT_BYTES, int(_SHORT_SHARE * self.total))


class MemoryWatch:
    """Watches the memory from its creation on, when a process starts; `facts` when that has ended."""

    def __init__(self) -> None:
        self._kills = _kills()
        self._lowest = available_memory()
        self._looked = time.monotonic()

    def look(self) -> None:
        """Record how much is free, at most once a second: after the end of a process its memory is free again."""
        now = time.monotonic()
        if now - self._looked >= _POLL_S:
            self._looked = now
            self._lowest = min(self._lowest, available_memory())

    def facts(self) -> MemoryFacts:
        """The facts until now."""
        import psutil

        self.look()
        return MemoryFacts(_kills() > self._kills, self._lowest, int(psutil.virtual_memory().total))


def _kills() -> int:
    """How many processes the kernel has killed because memory ran out, on the machine and in our control groups.

    0 where the system does not count them.
    """
    if sys.platform != "linux":
        return 0
    counters = [_VMSTAT]
    for folder, *_ in cgroup_folders():
        counters += [folder / "memory.events", folder / "memory.oom_control"]
    return sum(_counted(path) for path in counters)


def _counted(path: Path) -> int:
    try:
        match = _KILLS.search(path.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return 0
    return int(match[1]) if match else 0
