"""The block model of a message: the flat list of blocks that its Markdown is parsed into, from top to bottom.

Markdown is a tree: lists in quotes in lists. Here it is flat: each block names the containers around it, and every line
of a paragraph is a block of its own. So a message that grows is updated by replacing its last few blocks. Blocks are
compared by value; a block that is equal is not drawn again. No Qt in this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal
from unicodedata import bidirectional

from desktop.ui.breaks import BREAK, break_positions

Container = Literal["quote", "item"]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one format. `link` is an address that may be opened, or empty.

    With `math` the text is the source of a formula, delimiters included.
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

    `marker` is the bullet, number or checkbox of a list item, on the item's first line only. `opens` is true on the
    first line of a paragraph, false on one that follows a line break within it.
    """

    spans: tuple[Span, ...]
    containers: tuple[Container, ...] = ()
    marker: str = ""
    heading: int = 0
    opens: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    """A block of code without its last newline; `closed` is false while its fence has not been closed."""

    text: str
    language: str = ""
    closed: bool = True
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Formula:
    """A display formula: its source, delimiters included."""

    text: str
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class ThematicBreak:
    """A horizontal rule."""

    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `rows[0]` is its header. Every row has `len(aligns)` cells, each a tuple of spans."""

    aligns: tuple[Align, ...]
    rows: tuple[tuple[tuple[Span, ...], ...], ...]
    containers: tuple[Container, ...] = ()


Block = Line | Code | Formula | ThematicBreak | Table


def breakable(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """The same spans with zero-width spaces where they need break opportunities (see `desktop.ui.breaks`)."""
    # A word can run through several spans (half of it bold), so the breaks are those of their joined text.
    text = plain_text(spans)
    breaks = break_positions(text)
    if not breaks and BREAK not in text:
        return spans
    laid_out: list[Span] = []
    begin = 0
    for span in spans:
        end = begin + len(span.text)
        cuts = [0, *(at - begin for at in breaks if begin <= at < end), len(span.text)]
        # The zero-width spaces of the text itself are doubled, see `breaks.without_breaks`.
        parts = [span.text[a:b].replace(BREAK, BREAK * 2) for a, b in pairwise(cuts)]
        is_same = len(parts) == 1 and parts[0] == span.text
        laid_out.append(span if is_same else replace(span, text=BREAK.join(parts)))
        begin = end
    return tuple(laid_out)


def plain_text(spans: tuple[Span, ...]) -> str:
    """The text of spans without their formats."""
    return "".join(span.text for span in spans)


def is_right_to_left(spans: tuple[Span, ...]) -> bool:
    """Whether a line runs from right to left: its first letter outside code and formulas decides.

    As rules P2 and P3 of the Unicode bidirectional algorithm (UAX #9), which know nothing of code and formulas.
    """
    for span in spans:
        if span.code or span.math:
            continue
        if span.text.isascii():  # the usual case, without looking up each character
            if any(map(str.isalpha, span.text)):
                return False
            continue
        for char in span.text:
            direction = bidirectional(char)
            if direction in ("L", "R", "AL"):
                return direction != "L"
    return False


def runs_right_to_left(block: Block) -> bool:
    """Whether a block is aligned to the right, and its marker or the bar of its quote stands there."""
    match block:
        case Line(spans=spans):
            return is_right_to_left(spans)
        case Table(rows=rows):
            return is_right_to_left(tuple(span for cell in rows[0] for span in cell))
    return False


def normalize(text: str) -> str:
    """The text with `\\n` as its newlines, and with characters that a QTextDocument cannot hold replaced."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and not any(control in text for control in "\0\x0b\x0c"):  # the usual case, at memory's speed
        return text
    return _UNFIT.sub(lambda match: " " if match[0] in _SEPARATORS else "\ufffd", text)


# NUL and lone surrogates are not text. In a QTextDocument U+2028 and U+2029 end lines and paragraphs, U+FDD0 and U+FDD1
# begin and end frames, and U+FFFC stands for an object: a text with these characters would change its structure.
_SEPARATORS = "\u2028\u2029\x0b\x0c"
_UNFIT = re.compile(f"[\0\ufdd0\ufdd1\ufffc\ud800-\udfff{_SEPARATORS}]")
