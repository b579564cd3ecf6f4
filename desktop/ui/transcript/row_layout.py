"""The messages of a conversation as rows of measured or estimated heights, and the y of each row.

A long conversation opens as fast as a short one, because only rows near the viewport have widgets. The others have an
estimated height until somebody scrolls to them. No widget is made or painted in this module.
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
    """A message, its height in pixels (`measured`, otherwise estimated), and its widget if it has one."""

    message: StoredMessage
    height: int = 0
    measured: bool = False
    widget: MessageWidget | None = None


class RowLayout:
    """Rows and the y of their tops, which are summed up only as far as they are asked for."""

    def __init__(self) -> None:
        self.rows: list[MessageRow] = []
        self._tops: list[int] = [0]
        self._valid = 0  # tops[0 … _valid] are up to date

    def __len__(self) -> int:
        return len(self.rows)

    def set(self, rows: Sequence[MessageRow]) -> None:
        """Replace all rows."""
        self.rows = list(rows)
        self._tops = [0] * (len(self.rows) + 1)
        self._valid = 0

    def add(self, row: MessageRow) -> None:
        """Add a row at the end."""
        self.rows.append(row)
        self._tops.append(0)

    def set_height(self, index: int, height: int) -> bool:
        """Set the measured height of a row. Returns whether it has changed."""
        row = self.rows[index]
        row.measured = True
        if row.height == height:
            return False
        row.height = height
        self._valid = min(self._valid, index)
        return True

    def estimate(self, width: int, line_height: float) -> None:
        """Estimate the heights of the rows that are not measured, for a width and a line height in pixels."""
        for row in self.rows:
            if not row.measured:
                row.height = estimate_height(row.message, width, line_height)
        self._valid = 0

    def forget_heights(self) -> None:
        """Mark all rows as not measured, because the width or the theme has changed."""
        for row in self.rows:
            row.measured = False

    def top(self, index: int) -> int:
        """The y of a row; with the number of rows as `index`, the height of all."""
        for at in range(self._valid, index):
            self._tops[at + 1] = self._tops[at] + self.rows[at].height
        self._valid = max(self._valid, index)
        return self._tops[index]

    def total(self) -> int:
        """The height of all rows."""
        return self.top(len(self.rows))

    def at(self, y: int) -> int:
        """The index of the row at `y`, or of the nearest one; -1 when there are no rows."""
        self.total()
        return min(len(self.rows), bisect_right(self._tops, max(0, y))) - 1

    def index_of(self, message_id: int) -> int | None:
        """The row of a message, or None. Searched from the end, where messages are most often asked for."""
        for index in range(len(self.rows) - 1, -1, -1):
            if self.rows[index].message.id == message_id:
                return index
        return None


def estimate_height(message: StoredMessage, width: int, line_height: float) -> int:
    """The height in pixels that a message will have, about."""
    text = message.text
    # Characters per line: a Latin letter is about a third as wide as a line is high, a Chinese character about half.
    per_line = max(10, int(width / line_height * (3.2 if text.isascii() else 1.9)))
    lines = text.count("\n") * 0.9 + len(text) / per_line + 1
    lines = min(lines, FOLD_QUESTION if message.role == "user" else FOLD_ANSWER * 1.5)
    return int(lines * line_height) + 70
