"""The inputs of earlier conversations, for the arrow keys and the backward search."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from belle import paths
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.path_guard import open_input
from belle.texts import json_text, utf8

_MOST_KEPT = 1000
_LONGEST_FILE = 4 << 20  # bytes that are read, from the end


class InputHistory:
    """The inputs of earlier conversations: a file of JSON Lines that only its owner can read.

    Args:
        path: of the file. Where it cannot be read or written there is no history, and no error.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[str]:
        """The latest entries, the newest last."""
        try:
            with open_input(self._path) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _LONGEST_FILE))
                lines = file.read(_LONGEST_FILE).splitlines()
        except (KnownError, OSError):
            return []
        return list(_texts(lines))[-_MOST_KEPT:]

    def add(self, entry: str) -> None:
        """Store an entry for later conversations."""
        with contextlib.suppress(OSError):
            paths.private_folder(self._path.parent)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(utf8(json_text(entry)) + b"\n")


def _texts(lines: list[bytes]) -> Iterator[str]:
    """The entries; an incomplete line, or one that is not a text, is skipped."""
    for line in lines:
        with contextlib.suppress(DocumentError):
            entry = parse_json_row(line)
            if isinstance(entry, str) and "\0" not in entry:
                yield entry
