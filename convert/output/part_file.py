"""The output under its temporary name: locked, reserved, written in any order, and renamed when complete.

`OUT.gguf.part` is in the folder of `OUT.gguf`, so that the rename at the end is atomic: the real name never stands for
an incomplete file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from belle import path_guard
from belle.durable import check_space, commit_file, write_failure
from belle.errors import KnownError
from convert.output.file_format import GGUF, FileFormat

NO_ROOM_ADVICE = "Free some space, choose another disk or a smaller type."


def part_path(path: Path) -> Path:
    """The temporary file that becomes `path`."""
    return path.with_name(path.name + ".part")


def journal_path(path: Path) -> Path:
    """The journal of writing `path`."""
    return path.with_name(path.name + ".part.json")


def check_output(path: Path, inputs: Iterable[Path], file_format: FileFormat = GGUF) -> None:
    """Raise KnownError for an output that must not or cannot be written.

    That is one of the inputs, a folder, a device or a pipe, an existing file that is not of `file_format`, or a file in
    a folder that does not exist or is read-only.
    """
    details = {"path": str(path)}
    if path.is_dir():
        raise KnownError("output_is_folder", f"{path} is a folder.", "Give the name of a file to write.", **details)
    path_guard.check_output(path, inputs)
    above = next((parent for parent in path.parents if parent.exists()), path.parent)
    if above.exists() and not above.is_dir():
        raise KnownError(
            "no_folder", f"{above} is a file, not a folder.", "Name a folder to write the file into.", **details
        )
    if not path.parent.is_dir():
        raise KnownError("no_folder", f"The folder {path.parent} does not exist.", "Create it first.", **details)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise KnownError(
            "unwritable", f"The folder {path.parent} cannot be written to.", "Choose another folder.", **details
        )
    if path.exists() and path.stat().st_size and not file_format.recognizes(path):
        raise KnownError(
            "output_exists",
            f"{path} exists and is not a {file_format.name} file.",
            "Move it away or give another name.",
            **details,
        )


def disk_error(error: OSError, path: Path) -> KnownError:
    """The KnownError for a failed write of the model file `path`."""
    if error.errno == errno.EFBIG:
        return KnownError(
            "file_too_large",
            f"The file system does not take a file as large as {path}.",
            "Choose another disk or a smaller type.",
            path=str(path),
        )
    advice = (
        f"Free some space and run the same command again: it goes on where it stopped. "
        f"To give up, delete {part_path(path)}."
    )
    return write_failure(path, error, advice=advice)


@contextlib.contextmanager
def writing_model(path: Path) -> Iterator[None]:
    """Turn an OSError while the model file `path` is written into the KnownError of `disk_error`."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


class PartFile:
    """An open, locked part file of `size` bytes. Not for use after `finish` or `discard`."""

    def __init__(self, path: Path, size: int) -> None:
        """Open or create the part file of `path`.

        Raises KnownError if it cannot be created, or if another program is writing it (`busy`).
        """
        self.path, self.size = path, size
        try:
            self._file = os.open(part_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise disk_error(error, path) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another program may have renamed the file between open and flock: then the lock is on its finished file.
            is_ours = os.fstat(self._file).st_ino == part_path(path).stat().st_ino
        except OSError:
            is_ours = False
        if not is_ours:
            os.close(self._file)
            raise KnownError(
                "busy", f"Another program is writing {path} right now.", "Wait for it or stop it.", path=str(path)
            )

    @property
    def is_whole(self) -> bool:
        """Whether the file has its full size already, from an earlier run."""
        return os.fstat(self._file).st_size == self.size

    def reserve(self, *, keep: bool) -> None:
        """Allocate the whole file on the disk, with its content (`keep`) or zeros. Raises KnownError (`disk_full`)."""
        if not keep:
            os.ftruncate(self._file, 0)
        # Blocks, not the size: of a sparse file most bytes are still to be allocated. st_blocks counts 512 bytes each.
        missing = self.size - os.fstat(self._file).st_blocks * 512
        try:
            check_space(self.path, {"what is still to be written": missing}, advice=NO_ROOM_ADVICE)
            with writing_model(self.path):
                self._allocate()
        except KnownError:
            self._drop_empty()
            raise

    def _allocate(self) -> None:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file, 0, self.size)
            except OSError as error:
                # The file system cannot allocate ahead: the file stays sparse, and a full disk shows later.
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
            else:
                return
        os.ftruncate(self._file, self.size)

    def _drop_empty(self) -> None:
        """Delete the file unless it is one of an earlier run, which can still be resumed."""
        if os.fstat(self._file).st_size < self.size:
            self.discard()

    def write(self, data: memoryview, at: int) -> None:
        """Write all of `data` at offset `at`; from any thread. Raises KnownError."""
        with writing_model(self.path):
            while data:  # one call writes at most 2 GiB, and less on a disk that is almost full
                written = os.pwrite(self._file, data, at)
                data, at = data[written:], at + written

    def read(self, n: int, at: int) -> bytes:
        """`n` bytes at offset `at`; from any thread. Raises KnownError."""
        with writing_model(self.path):
            return os.pread(self._file, n, at)

    def sync(self) -> None:
        """Return when everything written so far is on the disk. Raises KnownError."""
        with writing_model(self.path):
            if sys.platform == "darwin":
                fcntl.fcntl(self._file, fcntl.F_FULLFSYNC)  # fsync leaves the data in the drive's cache on macOS
            else:
                os.fdatasync(self._file)

    def finish(self) -> None:
        """Flush and give the file its real name. Raises KnownError."""
        with writing_model(self.path):
            commit_file(part_path(self.path), self.path)

    def discard(self) -> None:
        """Delete the part file."""
        with contextlib.suppress(FileNotFoundError):
            part_path(self.path).unlink()

    def close(self) -> None:
        """Release the file and its lock."""
        os.close(self._file)
