"""An open weights file, which is read at any position, from any thread, with errors that name the file.

Rows are read with `preadv` and not through a memory map: the pages of a map count as resident memory as long as it
exists, and if the file shrinks, reading a map kills the process (SIGBUS) instead of raising an error.
"""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.problems import truncated, unreadable

# Linux reads at most 2 GiB with one call of preadv, macOS refuses more; smaller steps cost nothing.
_LONGEST_READ = 1 << 30


class WeightsFile:
    """A regular file, open for reading.

    Args:
        path: the file. Raises KnownError (`missing_file`, `unreadable`).

    Attributes:
        path: as given.
        size: bytes, when it was opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # First: open() would block on a pipe.
            if not stat.S_ISREG(path.stat().st_mode):
                raise OSError(0, "not a regular file")
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.size = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise unreadable(path, error) from error

    def read_into(self, offset: int, out: NDArray[Any]) -> None:
        """Fill `out` (contiguous) with the bytes from `offset`. Raises KnownError (`truncated`, `unreadable`)."""
        buffer = out.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(buffer):
            try:
                n = os.preadv(self._open_descriptor(), [buffer[done : done + _LONGEST_READ]], offset + done)
            except OSError as error:
                raise unreadable(self.path, error) from error
            if n == 0:
                raise truncated(self.path, len(buffer) - done)
            done += n

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Exactly `n_bytes` bytes from `offset`. Raises KnownError (`truncated`, `unreadable`)."""
        if offset + n_bytes > self.size:
            raise truncated(self.path, offset + n_bytes - self.size)
        buffer = np.empty(n_bytes, np.uint8)
        self.read_into(offset, buffer)
        return buffer.tobytes()

    def mapped(self, offset: int, n_bytes: int) -> NDArray[np.uint8]:
        """A read-only memory map of `n_bytes` bytes from `offset`, unmapped when the array is gone."""
        if n_bytes == 0:
            return np.empty(0, np.uint8)
        start = offset - offset % mmap.ALLOCATIONGRANULARITY  # a map begins at the start of a page
        length = offset - start + n_bytes
        try:
            pages = mmap.mmap(self._open_descriptor(), length, access=mmap.ACCESS_READ, offset=start)
        except (OSError, ValueError) as error:
            # Python raises ValueError for a map beyond the end of the file.
            if isinstance(error, OSError):
                raise unreadable(self.path, error) from error
            raise truncated(self.path, offset + n_bytes - os.fstat(self._open_descriptor()).st_size) from error
        return np.frombuffer(pages, np.uint8, n_bytes, offset - start)

    def close(self) -> None:
        """Close the file. Maps that were returned stay valid."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open_descriptor(self) -> int:
        if self._descriptor < 0:
            raise ValueError(f"{self.path} was closed")
        return self._descriptor
