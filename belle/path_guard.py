"""The guard at the door for paths: what is read is a file (or a folder), and what is written replaces only files.

A name from the command line, a recipe or a model's folder may be a pipe that nobody writes to, a device, a folder that
one may not enter, a name longer than any file's. Here each of them ends in a `KnownError` that says so.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from io import BufferedReader
from pathlib import Path

from belle.errors import KnownError

_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def status(path: str | Path) -> os.stat_result | None:
    """What the system says of `path`, links followed; None where nothing is.

    Raises KnownError: `no_permission`, `name_too_long`, `bad_path`, `unreadable`.
    """
    try:
        return os.stat(path)  # noqa: PTH116  # also takes what is no Path yet
    except ValueError:
        raise _bad_path(path) from None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise unusable(path, error) from None


def exists(path: str | Path) -> bool:
    """Whether something is there. Raises KnownError where that cannot be told, see `status`."""
    return status(path) is not None


def open_input(path: Path) -> BufferedReader:
    """Open a regular file for reading. Never waits, as opening a pipe would.

    Raises KnownError: `file_missing`, `is_a_folder`, `not_a_file`, and those of `status`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise _bad_path(path) from None
    except OSError as error:
        raise unusable(path, error) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _wrong_kind(path, mode)
    os.set_blocking(descriptor, True)
    return open(descriptor, "rb")  # noqa: PTH123  # the caller closes it


def check_input(path: str | Path, *, folder: bool = True) -> None:
    """That `path` is a regular file, or with `folder` a folder, or nothing: what is missing has other words elsewhere.

    Raises KnownError: `is_a_folder`, `not_a_file`, and those of `status`.
    """
    found = status(path)
    if found is None or stat.S_ISREG(found.st_mode) or (folder and stat.S_ISDIR(found.st_mode)):
        return
    raise _wrong_kind(path, found.st_mode)


def check_output(path: Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """That writing `path` makes a new file or replaces a regular one that is none of `inputs`.

    Raises KnownError: `unwritable`, `output_is_input`, and those of `status`.
    """
    _check_output(path, inputs, stat.S_ISREG, "only a file is replaced")


def check_output_folder(path: Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """That `path` is a folder that is none of `inputs`, or can become one.

    Raises KnownError: `unwritable`, `output_is_input`, and those of `status`.
    """
    _check_output(path, inputs, stat.S_ISDIR, "a folder is written")


def _check_output(
    path: Path, inputs: Iterable[str | Path | None], is_right: Callable[[int], bool], why_not: str
) -> None:
    found = status(path)
    if found is None:
        return
    if not is_right(found.st_mode):
        raise KnownError(
            "unwritable", f"{path} is {_what(found.st_mode)}; {why_not}.", "Give another -o.", path=str(path)
        )
    for source in inputs:
        other = status(source) if source is not None else None
        if other is not None and os.path.samestat(found, other):
            raise KnownError(
                "output_is_input",
                f"{path} is what is read; writing there would destroy it.",
                "Give another name for the output.",
                path=str(path),
            )


def unusable(path: str | Path, error: OSError) -> KnownError:
    """The known error for what the system says about reading `path`."""
    named = os.fspath(path)
    if error.errno == errno.ENAMETOOLONG:
        message = f"{named[:60]}… cannot be the name of a file: it is too long."
        return KnownError("name_too_long", message, "Check what is given as a path.", path=named)
    if error.errno in (errno.EACCES, errno.EPERM):
        message = f"{named} cannot be reached: permission denied."
        return KnownError(
            "no_permission", message, "Change its permissions, or those of the folders above it.", path=named
        )
    if error.errno in _ABSENT:
        return KnownError("file_missing", f"{named} does not exist.", "Check the path.", path=named)
    if error.errno == errno.EISDIR:
        return _wrong_kind(path, stat.S_IFDIR)
    reason = error.strerror or str(error)
    return KnownError("unreadable", f"{named} cannot be read: {reason}.", "Is its disk still connected?", path=named)


def refused(error: OSError) -> KnownError:
    """The known error for something that the system refused where nobody expected it."""
    if isinstance(error.filename, str | bytes | os.PathLike):
        return unusable(os.fsdecode(error.filename), error)
    reason = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
    return KnownError("system_error", f"The system refused what was needed: {reason.rstrip('.')}.")


def _bad_path(path: str | Path) -> KnownError:
    message = f"{os.fspath(path)!r} cannot be a path: it holds a null character."
    return KnownError("bad_path", message, "Check what is given as a path.")


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISREG(mode):
        return "a file"
    return next((words for test, words in _KINDS if test(mode)), "no file")


def _wrong_kind(path: str | Path, mode: int) -> KnownError:
    named = os.fspath(path)
    if stat.S_ISDIR(mode):
        return KnownError("is_a_folder", f"{named} is a folder, not a file.", "Name a file in it.", path=named)
    advice = "Save what comes out of it to a file, and name that." if stat.S_ISFIFO(mode) else "Name a file."
    return KnownError("not_a_file", f"{named} is {_what(mode)}, not a file.", advice, path=named)
