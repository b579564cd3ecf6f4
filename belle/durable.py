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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from belle.errors import KnownError
from belle.path_guard import check_output
from belle.texts import utf8
from belle.units import disk_space, gigabytes

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


def commit_file(temporary: Path, path: Path) -> None:
    """Give a complete file its name; when this returns, neither is lost in a power cut. Raises OSError."""
    sync_file(temporary)  # first: a name that outlasts the power cut must not stand for bytes that do not
    temporary.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def replace_file(path: Path, *, advice: str | None = None, several_writers: bool = False) -> Iterator[BinaryIO]:
    """A new file that takes the name `path` when the block ends without an exception, and leaves nothing otherwise.

    Readers and crashes meet the old file or the new one, never a part. What a killed process leaves is overwritten by
    the next.

    Args:
        path: of the file; its folder is created.
        advice: what to do about a full disk, as in `worded`.
        several_writers: processes may write it at the same time: each writes beside the others, and the last one wins.

    Raises KnownError (`disk_full`, `folder_not_writable`, `unwritable` for what is there and is no file).
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
    """`write_bytes` of a text; what UTF-8 cannot hold, such as a byte of a file name, is escaped as JSON would."""
    write_bytes(path, utf8(text), several_writers=several_writers)


def write_bytes(path: Path, content: bytes, *, several_writers: bool = False) -> None:
    """Replace a small file as a whole. Arguments and errors as in `replace_file`."""
    with replace_file(path, several_writers=several_writers) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: Path, *, advice: str | None = None) -> Iterator[None]:
    """Turn what fails in the block because `path` cannot be written into the `KnownError` of `worded`."""
    try:
        yield
    except KnownError:
        raise
    except Exception as error:
        raise worded(path, error, advice=advice) from error


@contextlib.contextmanager
def on_full_disk(advice: str) -> Iterator[None]:
    """Let a `disk_full` that comes out of the block advise what the command at hand can do, such as going on."""
    try:
        yield
    except KnownError as error:
        if error.kind != "disk_full":
            raise
        raise KnownError(error.kind, error.message, advice, **error.details) from error


def worded(path: Path, error: BaseException, *, advice: str | None = None) -> KnownError:
    """The known error for a failed write of `path` (a file or a folder): `disk_full` or `folder_not_writable`.

    Args:
        path: what was to be written.
        error: what came of it.
        advice: what to do about a full disk, where more can be said than that the command can be repeated.

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
    free = shutil.disk_usage(existing(path if path.is_dir() else path.parent)).free
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


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    # safetensors and torch wrap what the system said in exceptions of their own.
    return bool(_FULL_WORDS.search(str(error)) or _SHORT_WRITE.search(str(error)))
