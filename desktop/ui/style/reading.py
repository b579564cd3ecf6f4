"""How a person wants to read conversations: the size and fonts of their text, and the width of its column."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

if TYPE_CHECKING:
    from desktop.settings import Settings

Width = Literal["narrow", "comfortable", "wide", "full"]

SIZES = (0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
"""The steps of the size of the text. The zoom of the window comes on top."""


class Reading(NamedTuple):
    """`size` is one of `SIZES`; an empty font means the one of the system; `width` is the width of the column."""

    size: float = 1.0
    text_font: str = ""
    code_font: str = ""
    width: Width = "comfortable"

    def stepped(self, steps: int) -> Reading:
        """The same with larger text (positive) or smaller text by so many steps, at most to the end of `SIZES`."""
        index = SIZES.index(self.size) + steps
        return self._replace(size=SIZES[max(0, min(len(SIZES) - 1, index))])


NAMES = {
    "size": "reading/size",
    "text_font": "reading/text_font",
    "code_font": "reading/code_font",
    "width": "reading/width",
}
"""The names of the settings, by the fields of `Reading`."""


def reading_of(settings: Settings) -> Reading:
    """What the settings say; a value that is not possible counts as not set."""
    width = settings.value(NAMES["width"], "")
    return Reading(
        _nearest_size(settings.value(NAMES["size"], 1.0)),
        str(settings.value(NAMES["text_font"], "")),
        str(settings.value(NAMES["code_font"], "")),
        cast(Width, width) if width in get_args(Width) else "comfortable",
    )


def _nearest_size(value: Any) -> float:
    try:
        size = float(value)
    except (TypeError, ValueError):
        return 1.0
    return min(SIZES, key=lambda step: abs(step - size)) if isfinite(size) else 1.0
