"""The errors that a weights file can have, in the same words for every reader."""

from __future__ import annotations

from pathlib import Path

from belle.errors import KnownError

_DOWNLOAD_AGAIN = "It is damaged or was not downloaded completely: download it again and compare its size and sha256."
_LONGEST_NAME = 120


def shown(name: str) -> str:
    """A name from a file for an error message: without control characters, and at most `_LONGEST_NAME` long."""
    text = name if name.isprintable() else ascii(name)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


def damaged(path: Path, what: str, *, tensor: str | None = None, kind: str = "damaged_file") -> KnownError:
    """The contents of `path` contradict its format. `what` is the clause after the names of file and tensor."""
    details = {} if tensor is None else {"tensor": tensor}
    return KnownError(kind, f"{_subject(path, tensor)}: {what}.", _DOWNLOAD_AGAIN, file=str(path), **details)


def truncated(path: Path, missing: int, *, tensor: str | None = None) -> KnownError:
    """`path` ends `missing` bytes too early."""
    what = f"the file ends {missing:,} bytes too early"
    return damaged(path, what, tensor=tensor, kind="truncated")


def overlong(path: Path, extra: int) -> KnownError:
    """`path` goes on for `extra` bytes after its last tensor."""
    return damaged(path, f"{extra:,} bytes follow after the last tensor", kind="overlong")


def unsupported(path: Path, what: str, advice: str, *, kind: str, tensor: str | None = None) -> KnownError:
    """`path` is sound, but holds something that this program does not read."""
    details = {} if tensor is None else {"tensor": tensor}
    return KnownError(kind, f"{_subject(path, tensor)}: {what}.", advice, file=str(path), **details)


def unreadable(path: Path, error: OSError) -> KnownError:
    """The operating system refuses to read `path`."""
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        message = f"{path} is a link to {shown(str(path.readlink()))}, which does not exist."
        advice = "The download was not finished, or the file was moved or deleted: download the model again."
        return KnownError("dangling_link", message, advice, file=str(path))
    if isinstance(error, FileNotFoundError):
        return KnownError("missing_file", f"{path} does not exist.", "Check the path.", file=str(path))
    reason = error.strerror or type(error).__name__
    return KnownError("unreadable", f"{path} cannot be read: {reason}.", "Check its permissions.", file=str(path))


def _subject(path: Path, tensor: str | None) -> str:
    return path.name if tensor is None else f"{path.name}: tensor {shown(tensor)}"
