"""What is written stays written: fsync of files and folders, small files replaced as a whole, write errors in words.

A rename is atomic for other processes, but after a power cut only what was synchronised before it is certain. Whoever
writes something that must not be lost (checkpoints, the resolved recipe, the run's record) does it through here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from belle.errors import KnownError
from belle.path_guard import check_output
from belle.texts import utf8

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = re.compile(r"No space left|quota exceeded|File too large|os error (28|122|27)", re.IGNORECASE)
# What torch says when a write came back short; the reason is lost on the way.
_SHORT_WRITE = re.compile(r"PytorchStreamWriter failed|unexpected pos|file write failed", re.IGNORECASE)


def sync_file(path: Path) -> None:
    """Return when the bytes of a file are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        if sys.platform == "darwin":
            import fcntl

            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # plain fsync leaves them in the drive's cache there
        else:
            os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Make the names in a folder (created, renamed, deleted) outlast a power cut. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of a text; what UTF-8 cannot hold, such as a byte of a file name, is escaped as JSON would."""
    write_bytes(path, utf8(text))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a small file as a whole: readers and crashes meet the old content or the new one, never a part.

    One process writes it: what it leaves when it is killed is overwritten by the next.

    Raises KnownError (`disk_full`, `folder_not_writable`, `unwritable` for what is there and is no file).
    """
    check_output(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise worded(path, error) from error


@contextlib.contextmanager
def on_full_disk(advice: str) -> Iterator[None]:
    """Let a `disk_full` that comes out of the block advise what the command at hand can do, such as going on."""
    try:
        yield
    except KnownError as error:
        if error.kind != "disk_full":
            raise
        raise KnownError(error.kind, error.message, advice, **error.details) from error


def worded(path: Path, error: BaseException) -> KnownError:
    """The known error for a failed write of `path` (a file or a folder).

    Raises `error` itself when it does not come from writing: then it is a bug, and loud.
    """
    folder = existing(path)
    if _is_full(error):
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            free = 0
        return KnownError(
            "disk_full",
            f"{path} could not be written: the disk, a quota or a limit on file size is exhausted"
            f" ({free / 1e9:.1f} GB free on the disk).",
            "Free some space, or write to another disk; then run the same command again.",
            path=str(path),
            free=free,
        )
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return KnownError(
            "folder_not_writable",
            f"{path} could not be written: {reason}.",
            "Check that the folder exists, that it is yours, and that the disk is writable.",
            path=str(path),
            reason=reason,
        )
    raise error


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    # safetensors and torch wrap what the system said in exceptions of their own.
    return bool(_FULL_WORDS.search(str(error)) or _SHORT_WRITE.search(str(error)))
