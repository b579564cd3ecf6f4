"""Rows out of a file that may be damaged: every value becomes what it should be, or what comes nearest to it.

A flipped bit can make a text end in the middle of a character, or a number of a text. That must cost this value, not
the conversation it stands in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from belle.documents import DocumentError, parse_json_row


class DamagedText(str):
    """A text in which U+FFFD stands for bytes that were not UTF-8."""


def decoded(data: bytes) -> str:
    """A text as SQLite has it; what is not UTF-8 is replaced, and the text marked."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return DamagedText(data.decode(errors="replace"))


class ValueReader:
    """Reads the values of one row, by their place, and notes whether all of them were as they should be."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row = row
        self.is_damaged = False

    def text(self, column: int) -> str:
        """A text; bytes are decoded, other values are spelled out."""
        value = self._row[column]
        if isinstance(value, bytes):
            value = DamagedText(value.decode(errors="replace"))
        elif not isinstance(value, str):
            value = DamagedText("" if value is None else value)
        self.is_damaged |= isinstance(value, DamagedText)
        return str(value)

    def whole(self, column: int) -> int:
        """A whole number; 0 for anything else."""
        value = self._row[column]
        if isinstance(value, int):
            return value
        self.is_damaged = True
        return 0

    def number(self, column: int) -> float:
        """A number; 0 for anything else."""
        value = self._row[column]
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        self.is_damaged = True
        return 0.0

    def one_of(self, column: int, known: Sequence[str]) -> str:
        """One of the `known` words; the first for anything else."""
        value = self._row[column]
        if value in known:
            return str(value)
        self.is_damaged = True
        return known[0]

    def figures(self, column: int) -> Mapping[str, Any]:
        """A JSON object; empty for anything else."""
        try:
            figures = parse_json_row(self.text(column))
        except DocumentError:
            figures = None
        if isinstance(figures, dict):
            return figures
        self.is_damaged = True
        return {}
