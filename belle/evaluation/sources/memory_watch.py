"""How much memory a part of the program added to the process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


class AddedMemory:
    """Adds up the growth of the process's resident memory inside of `with` blocks. `added` is in bytes.

    So models that run alternately are measured separately. Pages of a mapped file count from their first use.
    """

    def __init__(self) -> None:
        import psutil

        self._process = psutil.Process()
        self._before = 0
        self.added = 0

    def __enter__(self) -> AddedMemory:
        self._before = self._process.memory_info().rss
        return self

    def __exit__(self, *_: object) -> None:
        self.added += max(0, self._process.memory_info().rss - self._before)


def peak_memory() -> int | None:
    """The peak resident memory of this process, in bytes; None where the system does not say."""
    # On Linux not getrusage: its maximum includes what the parent had when it forked this process.
    with contextlib.suppress(OSError), Path("/proc/self/status").open(encoding="utf-8") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(ImportError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return None
