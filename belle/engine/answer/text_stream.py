"""From token pieces to text that may be shown: whole characters, and never a part of a stop string.

A token stands for bytes, not for text: a Chinese character or an emoji is often spread over several tokens, and a stop
string may begin in the middle of one. So bytes are held back until they are characters, and characters only as long as
they may be the beginning of a stop string.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns pieces of bytes into text. Malformed bytes become U+FFFD.

    Args:
        stop: strings that end the text; empty ones are ignored.
        strip_leading_space: drop one space at the very beginning.
    """

    def __init__(self, stop: Sequence[str] = (), *, strip_leading_space: bool = False) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(s for s in stop if s)
        self._longest = max(map(len, self._stop), default=0)
        self._first = frozenset(s[0] for s in self._stop)
        self._strip = strip_leading_space
        self._held = ""
        self._plain = not strip_leading_space
        self._parts: list[str] = []
        self.stopped_by: str | None = None

    @property
    def text(self) -> str:
        """All the text returned so far."""
        return "".join(self._parts)

    @property
    def is_within_character(self) -> bool:
        """Whether the last piece ended in the middle of a character."""
        return bool(self._decoder.getstate()[0])

    def feed(self, piece: bytes) -> str:
        """Add the next piece; returns the text that is certain now, always "" after a stop string."""
        new = self._decoder.decode(piece)
        if self._plain and self._first.isdisjoint(new):
            # The usual case, for every token: nothing is held back, and nothing here can begin a stop string.
            self._parts.append(new)
            return new
        return self._take(new)

    def finish(self, *, cut: bool = False) -> str:
        """Returns what is still held back.

        With `cut` the text was stopped from outside and may be continued: the bytes of an unfinished character are
        dropped, because continuing generates them again. Otherwise they are malformed.
        """
        return self._take("" if cut else self._decoder.decode(b"", final=True), last=True)

    def _take(self, new: str, *, last: bool = False) -> str:
        if self.stopped_by is not None:
            return ""
        if self._strip and new:
            self._strip = False
            new = new.removeprefix(" ")
        text = self._held + new
        end, self.stopped_by = self._find_stop(text)
        if self.stopped_by is None and not last:
            end -= self._undecided(text)
        ready, self._held = text[:end], text[end:]
        self._plain = not (self._held or self._strip or self.stopped_by)
        if ready:
            self._parts.append(ready)
        return ready

    def _find_stop(self, text: str) -> tuple[int, str | None]:
        """Start and text of the stop string that is complete first, the longest of several; else the end, and None."""
        matches = [(text.find(stop) + len(stop), -len(stop), stop) for stop in self._stop if stop in text]
        if not matches:
            return len(text), None
        end, _, stop = min(matches)
        return end - len(stop), stop

    def _undecided(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a stop string."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[-length:]
            if any(stop.startswith(tail) for stop in self._stop):
                return length
        return 0
