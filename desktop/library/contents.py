"""Recognises the same model under two names: by size and both ends of the file, and when asked by every byte."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from belle.errors import KnownError
from belle.gguf.fingerprint import fingerprint, size_of_parts
from belle.gguf.reader import split_parts

_CHUNK_BYTES = 8 << 20


def duplicate_of(path: Path, others: Iterable[Path]) -> Path | None:
    """The first of `others` that has the same content, or is the same file. Files that cannot be read are none."""
    try:
        size = size_of_parts(path)
    except OSError:
        return None
    for other in others:
        with suppress(OSError):
            if size_of_parts(other) == size and fingerprint(other) == fingerprint(path):
                return other
    return None


def full_digest(path: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """SHA-256 of every byte of all parts. Raises KnownError("unreadable"), and what `progress` raises.

    Args:
        progress: called with bytes done and in total.
    """
    digest = hashlib.sha256()
    done = 0
    try:
        total = size_of_parts(path)
        for part in split_parts(path):
            with part.open("rb") as file:
                while data := file.read(_CHUNK_BYTES):
                    digest.update(data)
                    done += len(data)
                    if progress:
                        progress(done, total)
    except OSError as error:
        raise KnownError(
            "unreadable", f"{path} cannot be read: {error.strerror}.", "Is its disk still connected?", path=str(path)
        ) from error
    return digest.hexdigest()
