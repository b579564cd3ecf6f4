"""The width of blocks that may be wider than the page (tables and code), and what scrolling them needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

BAR_HEIGHT = 12
"""Pixels of the scroll bar under a block that is wider than the page."""


@dataclass(frozen=True, slots=True)
class Extent:
    """In pixels: the width of a block, and the `room` that the page has for it from `left` on.

    A scrolled block is also visible in `pad` pixels on either side of the room.
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
    """The blocks of one kind in a document, which can be scrolled sideways, by their index."""

    def since(self, first: int) -> list[int]:
        """Indexes of the blocks of this kind from `first` on."""
        ...

    def extent(self, index: int) -> Extent:
        """The width of a block, and the room that the page has for it."""
        ...

    def shift(self, index: int, pixels: int) -> None:
        """Scroll a block: `pixels` of it are out of sight at the left."""
        ...
