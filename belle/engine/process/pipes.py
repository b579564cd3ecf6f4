"""The pipes of a worker process: lines that come in, and the way out that no native code writes to."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

_STDOUT, _STDERR = 1, 2


def read_lines(fd: int) -> Iterator[bytes]:
    """The lines that arrive on `fd`.

    By `os.read`: a thread that waits in a buffered file holds its lock, and Python cannot finish without that lock.
    """
    rest = b""
    while data := os.read(fd, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line for line in lines if line.strip())


def take_stdout() -> int:
    """Take stdout for the protocol alone: a new descriptor for its pipe.

    Native code writes to descriptor 1 behind Python's back, and a single stray line would corrupt the protocol. So the
    pipe moves to a descriptor of its own, and 1 becomes a copy of stderr.
    """
    protocol = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    return protocol


class LinePipe:
    """Writes whole lines to the descriptor `fd`, from any thread; waits for the reader."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._writing = threading.Lock()

    def write(self, line: bytes) -> None:
        """Write a line. Of a reader that has gone nothing is said: it is noticed at the end of stdin."""
        with self._writing, suppress(OSError):
            while line:
                line = line[os.write(self._fd, line) :]
