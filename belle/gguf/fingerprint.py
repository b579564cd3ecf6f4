"""Tells one model file from another by its content, wherever it lies, without reading all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from belle.gguf.reader import split_parts

_END_BYTES = 1 << 20


def fingerprint(path: Path) -> tuple[int, str]:
    """Size of all parts, and a digest of the first and last mebibyte: metadata and vocabulary, and the last weights.

    Raises OSError.
    """
    parts = split_parts(path)
    digest = hashlib.sha256()
    with parts[0].open("rb") as file:
        digest.update(file.read(_END_BYTES))
    with parts[-1].open("rb") as file:
        file.seek(max(0, parts[-1].stat().st_size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    return size_of_parts(path), digest.hexdigest()


def size_of_parts(path: Path) -> int:
    """Bytes of all parts together. Raises OSError."""
    return sum(part.stat().st_size for part in split_parts(path))
