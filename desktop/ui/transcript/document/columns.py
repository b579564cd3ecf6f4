"""Column widths of a table: as wide as their text where the page has room, never so narrow that words break.

A table that does not fit with its narrowest columns is wider than the page, and is scrolled sideways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from desktop.ui.style.theme import text_theme
from desktop.ui.transcript.markdown.blocks import Span, plain_text

CELL_PAD = 12
_WIDEST_WORD = 180
"""Pixels of the widest word that is never broken."""
_COMFORTABLE = 200
"""Pixels that a column of a scrolled table gets for its text, if that is so long."""
_MEASURED = 200
"""Characters of a cell that are measured."""
# A line may end between any two Chinese characters, but up to four of them stay together.
_WORD = re.compile(r"[\u3000-\u9fff\uff00-\uffef]{1,4}|[^\s\u3000-\u9fff\uff00-\uffef]+")


@dataclass(slots=True)
class Columns:
    """The columns of one table: pixels of their widest word (`minimum`) and longest text (`natural`), with padding."""

    count: int
    minimum: list[float] = field(default_factory=list)
    natural: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.minimum, self.natural = [0.0] * self.count, [0.0] * self.count

    def take(self, row: Sequence[tuple[Span, ...]], measure: Callable[[str], float]) -> None:
        """Add a row. `measure` returns the width of a text in pixels."""
        look = text_theme()
        pad, limit = 2 * look.px(CELL_PAD) + 1, look.px(_WIDEST_WORD)
        for column, spans in enumerate(row):
            text = plain_text(spans)[:_MEASURED]
            width = measure(text)
            self.natural[column] = max(self.natural[column], width + pad)
            # No word is wider than the text, so most texts need not be measured word by word.
            if min(width, limit) + pad > self.minimum[column]:
                widest = max((measure(word) for word in _WORD.findall(text)), default=0.0)
                self.minimum[column] = max(self.minimum[column], min(widest, limit) + pad)

    def widths(self, room: float) -> list[float] | None:
        """Pixels of each column; None when the table fits without constraints.

        Where even the narrowest columns do not fit, their sum is more than `room`.
        """
        if sum(self.natural) <= room:
            return None
        columns = list(zip(self.minimum, self.natural, strict=True))
        free = room - sum(self.minimum)
        if free < 0:
            comfortable = text_theme().px(_COMFORTABLE)
            return [max(minimum, min(natural, comfortable)) for minimum, natural in columns]
        # Each column gets its minimum, and a share of the free pixels in proportion to what it lacks.
        lacking = max(1.0, sum(natural - minimum for minimum, natural in columns))
        return [minimum + free * (natural - minimum) / lacking for minimum, natural in columns]
