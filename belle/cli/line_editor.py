"""Editing a line in the terminal: several pasted lines are one, Alt-Enter begins another, and earlier ones come back.

It is readline's work. GNU readline asks the terminal to mark what is pasted; the editline of macOS cannot, and there
the lines that arrive together are put together here.
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
_LONGEST_FILE = 4 << 20  # bytes; what lies before that is of no use any more
_PASTED_WITHIN_S = 0.02
_BINDINGS = (
    "set enable-bracketed-paste on",
    r'"\e\C-m": "\C-v\C-j"',  # Alt-Enter inserts a line feed
)


class History:
    """What was entered in earlier conversations: a file of JSON Lines that only its owner can read.

    Args:
        path: of the file. It is not needed: where it cannot be read or written there is no history.
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
        """Keep an entry for the conversations to come."""
        with contextlib.suppress(OSError):
            paths.private_folder(self._path.parent)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(utf8(json_text(entry)) + b"\n")


def _texts(lines: list[bytes]) -> Iterator[str]:
    """The entries; a line that was torn, or is of something else, is passed over."""
    for line in lines:
        with contextlib.suppress(DocumentError):
            entry = parse_json_row(line)
            if isinstance(entry, str) and "\0" not in entry:
                yield entry


class LineEditor:
    """Reads lines with `input`, which readline helps once it is imported.

    Args:
        history: None to remember nothing.
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
        """Make an entry come back by the arrow keys, also in later conversations."""
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
