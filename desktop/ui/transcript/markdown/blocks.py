"""What an answer is made of once its Markdown is understood: a flat list of blocks, from top to bottom.

A tree of lists in quotes in lists is what Markdown says; a page is read from top to bottom. So each block carries the
containers around it, a paragraph is one block per line, and a document can be changed at its end by replacing the
last few blocks. Blocks are compared by value: equal blocks are not drawn again. No Qt here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal
from unicodedata import bidirectional

from desktop.ui.breaks import BREAK, break_places

Container = Literal["quote", "item"]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text of one look. `link` is an address that may be opened, or empty.

    `math`: the text is a formula as it was written, with its marks.
    """

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str = ""
    math: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a paragraph, a list item or (`heading` 1…6) a heading.

    `marker` is the bullet, number or box of a list item, on the item's first line only. `opens` is false on a line
    that continues the paragraph above it after a line break.
    """

    spans: tuple[Span, ...]
    containers: tuple[Container, ...] = ()
    marker: str = ""
    heading: int = 0
    opens: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    """A block of code without its last newline; `closed` is false while its fence is open."""

    text: str
    language: str = ""
    closed: bool = True
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in lines of its own, as it was written, with its marks."""

    text: str
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class ThematicBreak:
    """A horizontal rule."""

    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `rows[0]` is its head. Every row has `len(aligns)` cells, each a tuple of spans."""

    aligns: tuple[Align, ...]
    rows: tuple[tuple[tuple[Span, ...], ...], ...]
    containers: tuple[Container, ...] = ()


Block = Line | Code | Formula | ThematicBreak | Table


def breakable(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Spans as they are laid out: with a place to break within a bounded run (see `desktop.ui.breaks`)."""
    text = plain_text(spans)
    places = break_places(text)
    if not places and BREAK not in text:
        return spans
    laid: list[Span] = []
    begin = 0
    for span in spans:
        end = begin + len(span.text)
        cuts = [0, *(at - begin for at in places if begin <= at < end), len(span.text)]
        parts = [span.text[a:b].replace(BREAK, BREAK * 2) for a, b in pairwise(cuts)]
        is_same = len(parts) == 1 and parts[0] == span.text
        laid.append(span if is_same else replace(span, text=BREAK.join(parts)))
        begin = end
    return tuple(laid)


def plain_text(spans: tuple[Span, ...]) -> str:
    """The text of spans without their look."""
    return "".join(span.text for span in spans)


def is_right_to_left(spans: tuple[Span, ...]) -> bool:
    """Whether a line runs from right to left: its first letter decides, code and formulas aside."""
    for span in spans:
        if span.code or span.math:
            continue
        if span.text.isascii():  # nearly always, and told at once
            if any(map(str.isalpha, span.text)):
                return False
            continue
        for sign in span.text:
            direction = bidirectional(sign)
            if direction in ("L", "R", "AL"):
                return direction != "L"
    return False


def runs_right_to_left(block: Block) -> bool:
    """Whether a block stands at the right, with its marker or the bar of its quote there too."""
    match block:
        case Line(spans=spans):
            return is_right_to_left(spans)
        case Table(rows=rows):
            return is_right_to_left(tuple(span for cell in rows[0] for span in cell))
    return False


def normalize(text: str) -> str:
    """Newlines as `\\n`, and the characters that no document may hold replaced by U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.translate(_REPLACED) if _needs_replacing(text) else text


# NUL and halves of surrogate pairs are not text; U+2028/2029 and U+FDD0/FDD1 steer Qt's documents, U+FFFC is its image.
_REPLACED = dict.fromkeys([0, 0xFDD0, 0xFDD1, 0xFFFC, *range(0xD800, 0xE000)], "\ufffd") | {
    0x2028: " ",
    0x2029: " ",
    0x0B: " ",
    0x0C: " ",
}
_BAD = frozenset(map(chr, _REPLACED))


def _needs_replacing(text: str) -> bool:
    return (not text.isascii() and not _BAD.isdisjoint(text)) or any(c in text for c in "\0\x0b\x0c")
