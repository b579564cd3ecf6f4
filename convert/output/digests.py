"""The SHA-256 of the input files, computed while they are converted.

Hashing stays a little ahead of converting, so that every byte is read from the disk only once, and the second time from
the system's cache, even if the checkpoint is larger than memory.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from convert.checkpoint import Checkpoint
from convert.output.progress import Progress, ProgressCallback

_AHEAD_BYTES = 256 << 20
_POLL_SECONDS = 0.2


class _StoppedError(Exception):
    """The conversion has ended before all was hashed."""


class Digests:
    """A thread that hashes the files of a checkpoint. A context manager: leaving it ends the thread."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._total = sum(path.stat().st_size for path in checkpoint.files)
        self._hashed = 0
        self._allowed = float(_AHEAD_BYTES)
        self._wake = threading.Event()
        self._stopped = False
        self._result: dict[str, str] | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def follow(self, fraction: float) -> None:
        """Say how much of the checkpoint is converted, 0 … 1: hashing may go `_AHEAD_BYTES` further than that."""
        self._allowed = fraction * self._total + _AHEAD_BYTES
        self._wake.set()

    def following(self, progress: ProgressCallback | None) -> ProgressCallback:
        """The callback of a conversion, which lets hashing keep up with it, and calls `progress`."""

        def on_progress(reading: Progress) -> None:
            self.follow(reading.done_weights / max(1, reading.total_weights))
            if progress:
                progress(reading)

        return on_progress

    def result(self) -> dict[str, str]:
        """Wait until all is hashed; return the hexadecimal digests by file name. Raises what hashing raised."""
        self._allowed = float("inf")
        self._wake.set()
        self._thread.join()
        if self._error:
            raise self._error
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._checkpoint.sha256(threads=1, progress=self._count)
        except BaseException as error:  # raised again in `result`, in the caller's thread
            self._error = error

    def _count(self, n_bytes: int) -> None:
        """Block the hashing thread while it is too far ahead."""
        self._hashed += n_bytes
        while self._hashed > self._allowed and not self._stopped:
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
        if self._stopped:
            raise _StoppedError
