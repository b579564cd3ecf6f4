"""Moves lists that are nested with too many spaces to the left, so that CommonMark parses them as nested lists.

Models indent by four, six or eight spaces whatever the marker above is, and CommonMark takes an item that is four
columns too deep for indented code, or for more text of the line above. The number of lines does not change, so line
numbers of the result are line numbers of the source.
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
    """An open list item: the column of its text as written, and the columns by which its lines are moved left."""

    text_column: int
    shift: int


def outdent_lists(text: str) -> str:
    """`text` with no item four or more columns deeper than the text of its parent item; nearly always unchanged."""
    if not _DEEP_ITEM.search(text):
        return text
    items: list[_Item] = []
    lines = text.split("\n")
    fence = ""
    for number, line in enumerate(lines):
        content = line.lstrip(" \t")
        if not content:
            continue
        column = len(line.expandtabs(4)) - len(content.expandtabs(4)) if "\t" in line else len(line) - len(content)
        while items and column < items[-1].text_column:
            items.pop()
            fence = ""
        marker = None if fence else _ITEM.match(content)
        shift = items[-1].shift if items else 0
        if marker:
            parent = items[-1] if items else None
            if parent is None and column >= _TOO_DEEP:
                continue  # indented code
            if parent is not None and column - parent.text_column >= _TOO_DEEP:
                shift += column - parent.text_column
            # CommonMark: the text of an item begins behind the spaces after its marker, but where those are five or
            # more (indented code) or the item is empty, one column behind the marker.
            width = len(marker[0]) if content[marker.end() :] and len(marker[0].lstrip("-*+0123456789.)")) < 5 else 2
            items.append(_Item(column + width, shift))
        fence = _fence_after(content[marker.end() :] if marker else content, fence)
        if shift:
            lines[number] = " " * (column - shift) + content
    return "\n".join(lines)


def _fence_after(content: str, fence: str) -> str:
    """The marker of the fence that is open after this line; empty when none is."""
    match = _FENCE.match(content)
    if not fence:
        return match[0] if match else ""
    closes = match and match[0].startswith(fence) and not content[match.end() :].strip()
    return "" if closes else fence
