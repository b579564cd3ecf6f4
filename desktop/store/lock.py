"""One window per store: a lock on a file beside the database.

SQLite itself would let two windows work on one file. But a window that starts marks every answer it finds *streaming*
as *interrupted*, and that must never hit an answer which another window is still writing. The system drops the lock
when its process ends, however it ends, so a crash never locks anyone out.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from desktop.store.errors import StoreError


class StoreLock:
    """The right to open the store at `path`, held until `release`."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises StoreError `in_use` when another window has it, OSError when it cannot be made."""
        # The file stays behind when the lock is dropped: removing it could let two later windows lock two files.
        self._file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StoreError.of("in_use", path=str(path)) from None
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Give the lock back. To be called once."""
        os.close(self._file)
