"""How wide the columns of a table are: as wide as their text where there is room, and never so narrow that words break.

What does not fit even so is wider than the page, and scrolls sideways by itself (`sideways`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from desktop.ui.style.theme import theme
from desktop.ui.transcript.markdown.blocks import Span, plain_text

CELL_PAD = 12
_WIDEST_WORD = 180
"""Pixels up to which a word is kept whole."""
_LOOSE = 200
"""Pixels to which a column of text is held open where the table scrolls anyway."""
_LONG = 200
"""Characters of a cell that are measured."""
# Between Chinese characters a line may end; four of them are held together.
_WORD = re.compile(r"[\u3000-\u9fff\uff00-\uffef]{1,4}|[^\s\u3000-\u9fff\uff00-\uffef]+")


@dataclass(slots=True)
class Columns:
    """The columns of one table: the width of their widest word and of their longest text, padding included."""

    count: int
    least: list[float] = field(default_factory=list)
    natural: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.least, self.natural = [0.0] * self.count, [0.0] * self.count

    def take(self, row: Sequence[tuple[Span, ...]], measure: Callable[[str], float]) -> None:
        """Look at one more row. `measure` gives the pixels of a text."""
        look = theme()
        pad, most = 2 * look.px(CELL_PAD) + 1, look.px(_WIDEST_WORD)
        for column, spans in enumerate(row):
            text = plain_text(spans)[:_LONG]
            whole = measure(text)
            self.natural[column] = max(self.natural[column], whole + pad)
            if min(whole, most) + pad > self.least[column]:
                widest = max((measure(word) for word in _WORD.findall(text)), default=0.0)
                self.least[column] = max(self.least[column], min(widest, most) + pad)

    def widths(self, room: float) -> list[float] | None:
        """Pixels of each column; None when the table fits as it is. Their sum is more than `room` when it has to be."""
        if sum(self.natural) <= room:
            return None
        free = room - sum(self.least)
        if free < 0:
            loose = theme().px(_LOOSE)
            return [max(least, min(whole, loose)) for least, whole in zip(self.least, self.natural, strict=True)]
        wishes = [whole - least for least, whole in zip(self.least, self.natural, strict=True)]
        return [least + free * wish / max(1.0, sum(wishes)) for least, wish in zip(self.least, wishes, strict=True)]
