"""How far a block reaches sideways that is not made to fit the page: a table, or code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

BAR_HEIGHT = 12
"""Room for a scroll bar under a block that is wider than the page."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Pixels: the width of a block, and the `room` that the page has for it from `left` on.

    What is scrolled out is still seen in `pad` at either side of the room.
    """

    width: int
    room: int
    left: int
    pad: int = 0

    @property
    def is_wide(self) -> bool:
        """Whether the block must be scrolled to be seen as a whole."""
        return self.width > self.room + 1


class Scrollable(Protocol):
    """Blocks of one kind that are scrolled sideways, by their index."""

    def since(self, first: int) -> list[int]:
        """The blocks of this kind from `first` on."""
        ...

    def extent(self, index: int) -> Extent:
        """How wide a block is, and where the page has room for it."""
        ...

    def shift(self, index: int, pixels: int) -> None:
        """Scroll a block: so many of its pixels are out of sight at the left."""
        ...
