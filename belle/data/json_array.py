"""The records of a JSON file, one after the other, without holding all of it in memory.

Alpaca and most of what is shared on the web is one array in one file, bare or as a member of an object
(`{"data": […]}`); `json.load` would need many times its size. Others write one object after the other, each over
several lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from belle.documents import DocumentError, parse_json_prefix

BLOCK = 1 << 20
"""Characters that are read at once."""

WRAPPERS = ("data", "rows", "examples", "records", "items", "samples", "train", "dataset")
"""Keys of an object that wraps the records of a file."""
# An object with one of these keys is itself a record, and may have a list of objects under one of the `WRAPPERS`.
_RECORD_KEYS = frozenset(
    ("instruction", "input", "output", "prompt", "question", "query", "conversations", "messages", "text", "chosen")
)

_NOT_CLOSED = "the array is not closed; the file is cut off"
_OBJECT_NOT_CLOSED = "it is not valid JSON: an object is not closed; the file is cut off"
LONGEST_VALUE = 64 << 20
"""Characters. A longer value is not a record but a damaged file, or one made to fill the memory."""


class ArrayError(ValueError):
    """The file is not what its form requires.

    Args:
        line: where, from 1 on.
        message: what is wrong, in a few words.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def array_elements(stream: TextIO) -> Iterator[tuple[int, Any]]:
    """The elements of the array in `stream`, each with the line on which it begins. Raises ArrayError."""
    text = _Text(stream)
    if text.next() != "[":
        raise ArrayError(text.line, "it is not an array")
    yield from _elements(text)
    if text.next():
        raise ArrayError(text.line, "something follows the end of the array")


def json_values(stream: TextIO) -> Iterator[tuple[int, Any]]:
    """The values in `stream`, whatever its line breaks, each with the line on which it begins.

    An object that wraps records (see `WRAPPERS`) yields its records. Raises ArrayError.
    """
    text = _Text(stream)
    while character := text.next():
        if character == "{":
            yield from _object(text)
        else:
            line = text.line
            yield line, text.value()


def wrapped(value: Any) -> list[Any] | None:
    """The records that an object holds under one of the `WRAPPERS`; None when it is a record itself."""
    if not isinstance(value, dict) or not _RECORD_KEYS.isdisjoint(value):
        return None
    lists = [value[key] for key in WRAPPERS if _are_records(value.get(key))]
    return lists[0] if len(lists) == 1 else None


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, dict) for part in value)


def _object(text: _Text) -> Iterator[tuple[int, Any]]:
    """The object that begins here, or the records in it."""
    line, holds_records = text.line, False
    record: dict[str, Any] = {}
    text.skip()
    if text.next() == "}":
        text.skip()
        yield line, record
        return
    while True:
        if text.next() != '"':
            raise ArrayError(text.line, "it is not valid JSON: a key in double quotes is missing")
        key = text.value()
        if text.next() != ":":
            raise ArrayError(text.line, "it is not valid JSON: a colon is missing")
        text.skip()
        begins = text.next()
        if key in WRAPPERS and begins == "[" and _RECORD_KEYS.isdisjoint(record):
            elements = _elements(text)
            first = next(elements, None)
            if first is not None and isinstance(first[1], dict):
                holds_records = True
                yield first
                yield from elements
            else:
                record[key] = [value for _, value in ([first] if first else []) + list(elements)]
        else:
            record[key] = text.value()
        after = text.next()
        text.skip()
        if after == "}":
            break
        if after != ",":
            raise ArrayError(text.line, f"a comma is missing before {after!r}" if after else _OBJECT_NOT_CLOSED)
    if not holds_records:
        yield line, record


def _elements(text: _Text) -> Iterator[tuple[int, Any]]:
    """The elements of the array that begins here, up to and with its end."""
    text.skip()
    while (character := text.next()) != "]":
        if not character:
            raise ArrayError(text.line, _NOT_CLOSED)
        line = text.line
        yield line, text.value()
        after = text.next()
        if after == ",":
            text.skip()
            if text.next() == "]":
                raise ArrayError(text.line, "it is not valid JSON: a comma stands before the end of the array")
        elif after != "]":
            raise ArrayError(text.line, f"a comma is missing before {after!r}" if after else _NOT_CLOSED)
    text.skip()


class _Text:
    """The text of a stream, read in blocks: only what is not parsed yet is in memory."""

    def __init__(self, stream: TextIO) -> None:
        self.line = 1
        self._stream = stream
        self._text = ""
        self._position = 0

    def next(self) -> str:
        """Go to the next character that is not white space and return it; "" at the end of the file."""
        while True:
            end = self._position
            while end < len(self._text) and self._text[end] in " \t\r\n":
                end += 1
            self._advance(end)
            if end < len(self._text):
                return self._text[end]
            if not self._read():
                return ""

    def skip(self) -> None:
        """Go past one character."""
        self._advance(self._position + 1)

    def value(self) -> Any:
        """Parse the value that begins here and go past it. Raises ArrayError."""
        while True:
            try:
                value, end = parse_json_prefix(self._text, self._position)
            except json.JSONDecodeError as error:
                # The value may be incomplete only because the rest has not been read yet.
                if len(self._text) - self._position > LONGEST_VALUE or not self._read():
                    line = self.line + self._text.count("\n", self._position, error.pos)
                    raise ArrayError(line, f"it is not valid JSON: {error.msg}") from None
            except DocumentError as error:
                raise ArrayError(self.line, f"it {error.message}") from None
            else:
                # A number at the end of the block may continue: “1” as “1.5” or “1e+5”.
                if len(self._text) - end > len("e+") or not self._read():
                    self._advance(end)
                    return value

    def _read(self) -> bool:
        """Read another block; False at the end of the file."""
        more = self._stream.read(max(BLOCK, len(self._text) - self._position))
        if more:
            self._text, self._position = self._text[self._position :] + more, 0
        return bool(more)

    def _advance(self, end: int) -> None:
        self.line += self._text.count("\n", self._position, end)
        self._position = end
