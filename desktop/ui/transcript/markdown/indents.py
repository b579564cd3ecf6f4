"""Lists that are nested by more spaces than Markdown wants are brought to the place where it sees them.

Models indent by four, six or eight spaces whatever the marker above is, and CommonMark takes what is four too deep for
code, or for text of the line above. Lines keep their number, so that places in the source stay what they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)[ \t]*")
_FENCE = re.compile(r"`{3,}(?=[^`]*$)|~{3,}")
_TOO_DEEP = 4
_DEEP_ITEM = re.compile(r"^(?: {4}|\t| {1,3}\t)[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)", re.MULTILINE)


@dataclass(slots=True)
class _Item:
    """An open list item: the column of its text as written, and by how much its lines are moved to the left."""

    content: int
    moved: int


def bring_in(text: str) -> str:
    """`text` with the items of its lists in reach of each other; nearly always as it was."""
    if not _DEEP_ITEM.search(text):
        return text
    items: list[_Item] = []
    lines = text.split("\n")
    fence = ""
    for number, line in enumerate(lines):
        words = line.lstrip(" \t")
        if not words:
            continue
        column = len(line.expandtabs(4)) - len(words.expandtabs(4)) if "\t" in line else len(line) - len(words)
        while items and column < items[-1].content:
            items.pop()
            fence = ""
        marker = None if fence else _ITEM.match(words)
        moved = items[-1].moved if items else 0
        if marker:
            parent = items[-1] if items else None
            if parent is None and column >= _TOO_DEEP:
                continue  # code
            if parent is not None and column - parent.content >= _TOO_DEEP:
                moved += column - parent.content
            width = len(marker[0]) if words[marker.end() :] and len(marker[0].lstrip("-*+0123456789.)")) < 5 else 2
            items.append(_Item(column + width, moved))
        fence = _fence_after(words[marker.end() :] if marker else words, fence)
        if moved:
            lines[number] = " " * (column - moved) + words
    return "\n".join(lines)


def _fence_after(words: str, fence: str) -> str:
    """The marker of the fence that is open after this line, if one is."""
    found = _FENCE.match(words)
    if not fence:
        return found[0] if found else ""
    closes = found and found[0].startswith(fence) and not words[found.end() :].strip()
    return "" if closes else fence
