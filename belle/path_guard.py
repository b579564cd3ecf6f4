"""Checks of paths: only files (or folders) are read, and only files are replaced.

A path from the command line, a recipe or a model's folder may name a pipe that nobody writes to, a device or a folder
without permission, or be longer than any file name. Each of these becomes a `KnownError` that says so.
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
    """The `os.stat` of `path`, links followed; None when it does not exist.

    Raises KnownError: `no_permission`, `name_too_long`, `bad_path`, `unreadable`.
    """
    try:
        return os.stat(path)  # noqa: PTH116  # takes strings as well
    except ValueError:
        raise _bad_path(path) from None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise unusable(path, error) from None


def exists(path: str | Path) -> bool:
    """Whether `path` exists. Raises KnownError where that cannot be determined, see `status`."""
    return status(path) is not None


def open_input(path: Path) -> BufferedReader:
    """Open a regular file for reading. Never blocks.

    Raises KnownError: `file_missing`, `is_a_folder`, `not_a_file`, and those of `status`.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer. The kind is checked on the open descriptor, so that the
        # path cannot be replaced in between.
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
    """Check that `path` is a regular file, or with `folder` a folder. One that does not exist passes: the caller knows
    what is missing.

    Raises KnownError: `is_a_folder`, `not_a_file`, and those of `status`.
    """
    current = status(path)
    if current is None or stat.S_ISREG(current.st_mode) or (folder and stat.S_ISDIR(current.st_mode)):
        return
    raise _wrong_kind(path, current.st_mode)


def check_output(path: Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """Check that writing `path` creates a file, or replaces a regular file that is not one of `inputs`.

    Raises KnownError: `unwritable`, `output_is_input`, and those of `status`.
    """
    _check_output(path, inputs, stat.S_ISREG, "only a file is replaced")


def check_output_folder(path: Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """Check that `path` does not exist, or is a folder that is not one of `inputs`.

    Raises KnownError: `unwritable`, `output_is_input`, and those of `status`.
    """
    _check_output(path, inputs, stat.S_ISDIR, "a folder is written")


def _check_output(
    path: Path, inputs: Iterable[str | Path | None], is_right: Callable[[int], bool], why_not: str
) -> None:
    current = status(path)
    if current is None:
        return
    if not is_right(current.st_mode):
        raise KnownError(
            "unwritable", f"{path} is {_what(current.st_mode)}; {why_not}.", "Give another -o.", path=str(path)
        )
    for source in inputs:
        other = status(source) if source is not None else None
        if other is not None and os.path.samestat(current, other):
            raise KnownError(
                "output_is_input",
                f"{path} is an input of this command; writing there would destroy it.",
                "Give another name for the output.",
                path=str(path),
            )


def unusable(path: str | Path, error: OSError) -> KnownError:
    """The known error for a system error about reading `path`."""
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


def system_failure(error: OSError) -> KnownError:
    """The known error for an OSError that no caller has handled."""
    if isinstance(error.filename, str | bytes | os.PathLike):
        return unusable(os.fsdecode(error.filename), error)
    reason = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
    return KnownError("system_error", f"The system reported an error: {reason.rstrip('.')}.")


def _bad_path(path: str | Path) -> KnownError:
    message = f"{os.fspath(path)!r} cannot be a path: it holds a null character."
    return KnownError("bad_path", message, "Check what is given as a path.")


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISREG(mode):
        return "a file"
    return next((words for test, words in _KINDS if test(mode)), "not a file")


def _wrong_kind(path: str | Path, mode: int) -> KnownError:
    named = os.fspath(path)
    if stat.S_ISDIR(mode):
        return KnownError("is_a_folder", f"{named} is a folder, not a file.", "Name a file in it.", path=named)
    advice = "Save what comes out of it to a file, and name that." if stat.S_ISFIFO(mode) else "Name a file."
    return KnownError("not_a_file", f"{named} is {_what(mode)}, not a file.", advice, path=named)
