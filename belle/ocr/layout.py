"""From recognized lines, each in its box, to a text in reading order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LEAST_SCORE = 0.5
"""What is less certain is left out."""


class TextLine(NamedTuple):
    """A recognized line: its text, how certain it is (0 to 1), and the sides of its box in pixels."""

    text: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


def text_of(lines: Iterable[TextLine]) -> str:
    """The text of all lines, from top to bottom; what stands at one height becomes one line, from left to right."""
    rows: list[list[TextLine]] = []
    kept = [line for line in lines if line.score >= LEAST_SCORE and line.text.strip()]
    for line in sorted(kept, key=lambda line: line.top + line.bottom):
        if rows and _at_one_height(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(" ".join(line.text.strip() for line in sorted(row, key=lambda line: line.left)) for row in rows)


def _at_one_height(first: TextLine, second: TextLine) -> bool:
    """Whether two boxes overlap by more than half of the lower one's height."""
    overlap = min(first.bottom, second.bottom) - max(first.top, second.top)
    return overlap > min(first.bottom - first.top, second.bottom - second.top) / 2
