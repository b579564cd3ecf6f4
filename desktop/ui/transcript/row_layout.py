"""The messages of a conversation as rows of known or guessed height: where each stands, without drawing any.

A long conversation opens as fast as a short one because only rows near the window are made into widgets; the others
have a guessed height until somebody scrolls to them. No widgets here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desktop.ui.transcript.markdown.content import FOLD_ANSWER, FOLD_QUESTION

if TYPE_CHECKING:
    from desktop.store.records import StoredMessage
    from desktop.ui.transcript.message.widget import MessageWidget


@dataclass(slots=True)
class MessageRow:
    """A message, its height in pixels (`measured` or guessed), and its widget when it is near the window."""

    message: StoredMessage
    height: int = 0
    measured: bool = False
    widget: MessageWidget | None = None


class RowLayout:
    """Rows and the y of their tops."""

    def __init__(self) -> None:
        self.rows: list[MessageRow] = []
        self._tops: list[int] = [0]
        self._valid = 0  # tops[0 … _valid] are right

    def __len__(self) -> int:
        return len(self.rows)

    def set(self, rows: Sequence[MessageRow]) -> None:
        """Replace all rows."""
        self.rows = list(rows)
        self._tops = [0] * (len(self.rows) + 1)
        self._valid = 0

    def add(self, row: MessageRow) -> None:
        """One more at the end."""
        self.rows.append(row)
        self._tops.append(0)

    def set_height(self, index: int, height: int) -> bool:
        """A row has been measured. Returns whether that changed its height."""
        row = self.rows[index]
        row.measured = True
        if row.height == height:
            return False
        row.height = height
        self._valid = min(self._valid, index)
        return True

    def guess(self, width: int, line_height: float) -> None:
        """Guess the heights of rows that have not been measured for this width."""
        for row in self.rows:
            if not row.measured:
                row.height = guess_height(row.message, width, line_height)
        self._valid = 0

    def forget_heights(self) -> None:
        """Width or look have changed."""
        for row in self.rows:
            row.measured = False

    def top(self, index: int) -> int:
        """The y of a row; `top(len)` is the height of all."""
        for at in range(self._valid, index):
            self._tops[at + 1] = self._tops[at] + self.rows[at].height
        self._valid = max(self._valid, index)
        return self._tops[index]

    def total(self) -> int:
        """The height of all rows."""
        return self.top(len(self.rows))

    def at(self, y: int) -> int:
        """The row at `y`, or the nearest one; -1 when there is none."""
        self.total()
        return min(len(self.rows), bisect_right(self._tops, max(0, y))) - 1

    def index_of(self, message_id: int) -> int | None:
        """Where a message is; searched from the end, where things happen."""
        for index in range(len(self.rows) - 1, -1, -1):
            if self.rows[index].message.id == message_id:
                return index
        return None


def guess_height(message: StoredMessage, width: int, line_height: float) -> int:
    """About how high a message will be."""
    text = message.text
    per_line = max(10, int(width / line_height * (3.2 if text.isascii() else 1.9)))
    lines = text.count("\n") * 0.9 + len(text) / per_line + 1
    lines = min(lines, FOLD_QUESTION if message.role == "user" else FOLD_ANSWER * 1.5)
    return int(lines * line_height) + 70
