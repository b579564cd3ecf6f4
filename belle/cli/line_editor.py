"""Line editing in the terminal: several pasted lines are one input, Alt-Enter adds a line, the arrow keys bring back
earlier inputs.

By readline. GNU readline lets the terminal mark pasted text (bracketed paste); the editline of macOS cannot, so there
lines that arrive together are joined.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from belle import paths
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.path_guard import open_input
from belle.texts import json_text, utf8

_MOST_KEPT = 1000
_LONGEST_FILE = 4 << 20  # bytes that are read, from the end
_PASTED_WITHIN_S = 0.02
_BINDINGS = (
    "set enable-bracketed-paste on",
    r'"\e\C-m": "\C-v\C-j"',  # Alt-Enter inserts a line feed
)


class History:
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


class LineEditor:
    """Reads lines with `input`, which uses readline once that is imported.

    Args:
        history: None to store nothing.
    """

    def __init__(self, history: History | None) -> None:
        self._history = history
        self._readline = _readline()
        self._marks_pastes = False
        if self._readline is None:
            return
        self._readline.set_auto_history(False)
        self._marks_pastes = "libedit" not in (self._readline.__doc__ or "")
        if self._marks_pastes:
            for binding in _BINDINGS:
                self._readline.parse_and_bind(binding)
        for entry in history.entries() if history else ():
            self._readline.add_history(entry)

    def read(self, prompt: str) -> str:
        """One line, or all that was pasted together. Raises EOFError and KeyboardInterrupt."""
        lines = [input(prompt)]
        while not self._marks_pastes and select.select([sys.stdin], [], [], _PASTED_WITHIN_S)[0]:
            try:
                lines.append(input())
            except EOFError:
                break
        return "\n".join(lines)

    def remember(self, entry: str) -> None:
        """Add an entry to the history, for the arrow keys, also in later conversations."""
        if self._history is None:
            return
        if self._readline is not None:
            self._readline.add_history(entry)
        self._history.add(entry)


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:
        return None
    return readline
