"""Reads the values of a row of a file that may be damaged: each gets the expected type, or the nearest default.

A flipped bit can cut a text in the middle of a character, or turn a text into a number. That may cost this one value,
not the whole conversation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from belle.documents import DocumentError, parse_json_row
from belle.texts import json_text
from desktop.store.records import StoredAttachment


class DamagedText(str):
    """A text in which U+FFFD replaces bytes that were not UTF-8."""


def decode_text(data: bytes) -> str:
    """Decode a text of SQLite (its `text_factory`): `DamagedText` when it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return DamagedText(data.decode(errors="replace"))


class ValueReader:
    """Reads the values of one row by column index. `is_damaged` is set as soon as one was not of its type."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row = row
        self.is_damaged = False

    def text(self, column: int) -> str:
        """A text; bytes are decode_text, other values are converted."""
        value = self._row[column]
        if isinstance(value, bytes):
            value = DamagedText(value.decode(errors="replace"))
        elif not isinstance(value, str):
            value = DamagedText("" if value is None else value)
        self.is_damaged |= isinstance(value, DamagedText)
        return str(value)

    def integer(self, column: int) -> int:
        """An integer; 0 for anything else."""
        value = self._row[column]
        if isinstance(value, int):
            return value
        self.is_damaged = True
        return 0

    def number(self, column: int) -> float:
        """A finite number; 0 for anything else."""
        value = self._row[column]
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        self.is_damaged = True
        return 0.0

    def one_of(self, column: int, known: Sequence[str]) -> str:
        """One of the `known` values; the first of them for anything else."""
        value = self._row[column]
        if value in known:
            return str(value)
        self.is_damaged = True
        return known[0]

    def id_array(self, column: int) -> tuple[int, ...]:
        """A JSON array of integers, ascending; empty for anything else."""
        try:
            parsed = parse_json_row(self.text(column))
        except DocumentError:
            parsed = None
        if isinstance(parsed, list) and all(type(item) is int for item in parsed):
            return tuple(sorted(parsed))
        self.is_damaged = True
        return ()

    def json_object(self, column: int) -> Mapping[str, Any]:
        """A JSON object; empty for anything else."""
        try:
            parsed = parse_json_row(self.text(column))
        except DocumentError:
            parsed = None
        if isinstance(parsed, dict):
            return parsed
        self.is_damaged = True
        return {}


def attachments_json(attachments: Sequence[StoredAttachment]) -> str:
    """The attachments of a message as its row holds them: a JSON array of objects with the same fields."""
    return json_text([asdict(attachment) for attachment in attachments])


def attachments_in(value: Any) -> tuple[StoredAttachment, ...]:
    """The attachments of such an array, as text or as a list; what is none is left out."""
    if isinstance(value, str):
        try:
            value = parse_json_row(value)
        except DocumentError:
            return ()
    return tuple(filter(None, map(_attachment, value if isinstance(value, list) else ())))


def _attachment(value: Any) -> StoredAttachment | None:
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("name", "text")):
        return None
    size, n_cut = (value.get(name) if isinstance(value.get(name), int) else 0 for name in ("size", "n_cut"))
    return StoredAttachment(value["name"], size or 0, value["text"], n_cut or 0)
