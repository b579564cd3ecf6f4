"""What the libraries around ggml log: warnings and errors go to stderr, errors are also collected.

That is the stderr of native code, file descriptor 2, which Python's `sys.stderr` need not use.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import Any

from belle.interrupts import native_callback

_WARNING, _ERROR, _CONTINUED = 3, 4, 5  # enum ggml_log_level; 5 continues the line before
_MOST_LINES = 100
_STDERR = 2


class GgmlLog:
    """The log of one library, which is given `receive` as its callback."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=_MOST_LINES)
        self._level = 0

    def errors(self) -> list[str]:
        """The error lines since the last call."""
        lines = [line for line in self._errors if line.strip()]
        self._errors.clear()
        return lines

    def reason(self) -> str:
        """The error lines since the last call as one line; "" for none."""
        return " ".join(line.strip() for line in self.errors())

    def note(self, text: str) -> None:
        """Write a line to stderr, among those of the library."""
        with suppress(OSError):
            os.write(_STDERR, text.encode("utf-8", "replace"))

    @native_callback
    def receive(self, level: int, text: bytes | None, _: Any) -> None:
        """As `ggml_log_callback`: the level, the text, and the library's user data."""
        more = level == _CONTINUED
        if not more:
            self._level = level
        if self._level < _WARNING or text is None:
            return
        words = text.decode("utf-8", "replace")
        self.note(words)
        if self._level >= _ERROR:
            if more and self._errors:
                words = self._errors.pop() + words
            self._errors.append(words)
