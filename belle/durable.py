"""Durable writes: fsync of files and folders, atomic replacement of files, and write errors as `KnownError`.

A rename is atomic for other processes, but after a power cut only what was synced before it is certain. Everything that
must not be lost (checkpoints, the resolved recipe, the record of a run) is written through this module.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from belle.errors import KnownError
from belle.path_guard import check_output
from belle.texts import utf8
from belle.units import disk_space, gigabytes

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = re.compile(r"No space left|quota exceeded|File too large|os error (28|122|27)", re.IGNORECASE)
# torch's messages after a short write, which do not say the reason.
_SHORT_WRITE = re.compile(r"PytorchStreamWriter failed|unexpected pos|file write failed", re.IGNORECASE)


def sync_file(path: Path) -> None:
    """Return when the bytes of a file are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        if sys.platform == "darwin":
            import fcntl

            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # on macOS fsync leaves the bytes in the drive's cache
        else:
            os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder (created, renamed, deleted) are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def commit_file(temporary: Path, path: Path) -> None:
    """Give a complete file its name; when this returns, neither is lost in a power cut. Raises OSError."""
    # In this order: synced after the rename, a power cut in between could leave the new name with missing bytes.
    sync_file(temporary)
    temporary.replace(path)
    sync_folder(path.parent)  # the rename is an entry of the folder, which fsync of the file does not cover


@contextlib.contextmanager
def replace_file(path: Path, *, advice: str | None = None, several_writers: bool = False) -> Iterator[BinaryIO]:
    """Write a new file, which replaces `path` when the block ends without an exception, and is removed otherwise.

    Readers, and a program that starts after a crash, find the old file or the new one, never a part. The temporary file
    that a killed process leaves is overwritten by the next one.

    Args:
        path: of the file; its folder is created.
        advice: what to do about a full disk, as in `write_failure`.
        several_writers: several processes may write it at the same time: each has a temporary file of its own, and the
            last rename wins.

    Raises KnownError (`disk_full`, `folder_not_writable`; `unwritable` when something other than a file is there).
    """
    check_output(path)
    temporary = path.with_name(f".{path.name}{f'.{os.getpid()}' if several_writers else ''}.tmp")
    with writing(path, advice=advice):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                yield file
            commit_file(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str, *, several_writers: bool = False) -> None:
    """`write_bytes` of a text; a lone surrogate, such as a byte of a file name that is not UTF-8, is escaped."""
    write_bytes(path, utf8(text), several_writers=several_writers)


def write_bytes(path: Path, content: bytes, *, several_writers: bool = False) -> None:
    """Replace a small file. Arguments and errors as in `replace_file`."""
    with replace_file(path, several_writers=several_writers) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: Path, *, advice: str | None = None) -> Iterator[None]:
    """Turn write errors in the block into the `KnownError` of `write_failure`, about `path`."""
    try:
        yield
    except KnownError:
        raise
    except Exception as error:
        raise write_failure(path, error, advice=advice) from error


@contextlib.contextmanager
def on_full_disk(advice: str) -> Iterator[None]:
    """Give a `disk_full` error from the block the advice of this command, such as how to resume it."""
    try:
        yield
    except KnownError as error:
        if error.kind != "disk_full":
            raise
        raise KnownError(error.kind, error.message, advice, **error.details) from error


def write_failure(path: Path, error: BaseException, *, advice: str | None = None) -> KnownError:
    """The known error for a failed write of `path` (a file or a folder): `disk_full` or `folder_not_writable`.

    Args:
        path: what was to be written.
        error: the exception.
        advice: what to do about a full disk; by default to repeat the command.

    Raises `error` itself when it is not about writing: then it is a bug.
    """
    folder = nearest_existing(path)
    if _is_full(error):
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            free = 0
        return KnownError(
            "disk_full",
            f"{path} could not be written: the disk, a quota or a limit on file size is exhausted"
            f" ({gigabytes(free)} free on the disk).",
            advice or "Free some space, or write to another disk; then run the same command again.",
            path=str(path),
            free=free,
            reason=_reason(error),
        )
    if isinstance(error, OSError):
        reason = _reason(error)
        return KnownError(
            "folder_not_writable",
            f"{path} could not be written: {reason}.",
            "Check that the folder exists, that it is yours, and that the disk is writable.",
            path=str(path),
            reason=reason,
        )
    raise error


def check_space(path: Path, needs: Mapping[str, int], *, advice: str, spare: int = 0) -> None:
    """Check that the disk has room before something large is written.

    Args:
        path: the file or folder that is to be written; it need not exist yet.
        needs: bytes by what they are for, in words.
        advice: what to do if there is no room.
        spare: bytes that should be left afterwards.

    Raises KnownError("disk_full") with the numbers.
    """
    needed = sum(needs.values()) + spare
    # The folder, not the file: an old file may be a link to another disk, and the new one replaces the link.
    free = shutil.disk_usage(nearest_existing(path if path.is_dir() else path.parent)).free
    if needed > free:
        parts = [f"{disk_space(n_bytes)} for {what}" for what, n_bytes in needs.items() if n_bytes]
        parts += [f"{disk_space(spare)} to spare"] if spare else []
        raise KnownError(
            "disk_full",
            f"{path} needs {disk_space(needed)} on the disk, which has {disk_space(free)} free: {', '.join(parts)}.",
            advice,
            path=str(path),
            needed=needed,
            free=free,
            needs=dict(needs),
        )


def nearest_existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    # safetensors and torch wrap the system's error in exceptions of their own.
    return bool(_FULL_WORDS.search(str(error)) or _SHORT_WRITE.search(str(error)))
