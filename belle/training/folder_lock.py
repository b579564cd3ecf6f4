"""One run at a time in a folder: a second one would delete what the first is writing."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
from pathlib import Path

from belle.durable import worded
from belle.errors import KnownError

_HELD = (errno.EACCES, errno.EAGAIN)


class FolderLock:
    """A lock on `folder/.lock` that ends with the process, however it ends.

    It is a POSIX record lock: child processes that outlive a killed run do not keep it, and it works over NFS.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; the folder exists. Does nothing when it is held already.

        Raises KnownError (`run_in_use`, `folder_not_writable`).
        """
        if self._file is not None:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise worded(self._path.parent, error) from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, 200).decode(errors="replace").strip()
            os.close(file)
            if error.errno not in _HELD:
                return  # a file system without locks: nothing to be done about it
            raise KnownError(
                "run_in_use",
                f"Another run is writing {self._path.parent}" + (f" ({holder})." if holder else "."),
                "Wait for it, stop it, or set another output_dir.",
                path=str(self._path.parent),
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {platform.node()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
