"""Whether the system ran short of memory while a process of ours ran, so that nobody has to guess why it was killed."""

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
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """What is known of the memory when a process has ended.

    Attributes:
        ran_out: the kernel counted a process that it killed for want of memory.
        free: bytes available at the lowest point that was seen.
        total: bytes of the machine.
    """

    ran_out: bool
    free: int
    total: int

    @property
    def short(self) -> bool:
        """Less was free than a system needs to work at ease."""
        return self.free < max(_SHORT_BYTES, int(_SHORT_SHARE * self.total))


class MemoryWatch:
    """Made when a process starts; `facts` when it has ended."""

    def __init__(self) -> None:
        self._kills = _kills()
        self._lowest = available_memory()
        self._looked = time.monotonic()

    def look(self) -> None:
        """Note how much is free now, once a second at most: when a process is gone, so is what it took."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            self._lowest = min(self._lowest, available_memory())

    def facts(self) -> MemoryFacts:
        """What has been seen until now."""
        import psutil

        self.look()
        return MemoryFacts(_kills() > self._kills, self._lowest, int(psutil.virtual_memory().total))


def _kills() -> int:
    """Processes that the kernel has killed for want of memory: on the machine, and in the groups that limit this one.

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
        found = _KILLS.search(path.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return 0
    return int(found[1]) if found else 0
