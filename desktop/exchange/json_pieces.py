"""Reads a JSON file of many conversations one by one: a year of them takes gigabytes when all are objects at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from belle.documents import DocumentError, parse_json_prefix

_SPACE = re.compile(r"[ \t\r\n]*")


def json_pieces(text: str, *, list_key: str) -> tuple[dict[str, Any], Iterator[Any]]:
    """The values of a JSON document one after the other.

    Args:
        text: an array; or an object, which counts as one value, unless it has an array under `list_key`.
        list_key: where an object has its values.

    Returns the members of the object that stand before that array (empty for an array), and the values. Raises
    DocumentError, the iterator too, where the text is not valid JSON or ends too early.
    """
    text = text.removeprefix("\ufeff")
    start = _skip_space(text, 0)
    if text[start : start + 1] == "[":
        return {}, _elements(text, start)
    if text[start : start + 1] != "{":
        raise DocumentError("is not a JSON array or object")
    return _members(text, start, list_key)


def _members(text: str, start: int, list_key: str) -> tuple[dict[str, Any], Iterator[Any]]:
    header: dict[str, Any] = {}
    for at in _places(text, start, "}"):
        key, end = _value(text, at)
        colon = _skip_space(text, end)
        if not isinstance(key, str) or text[colon : colon + 1] != ":":
            raise _damaged(text, end)
        value_at = _skip_space(text, colon + 1)
        if key == list_key and text[value_at : value_at + 1] == "[":
            return header, _elements(text, value_at)
        header[key], at.end = _value(text, value_at)
    return header, iter([header])


class _Place(int):
    """Where a value begins. Whoever reads it sets `end`, where the search for the next one goes on."""

    end: int


def _elements(text: str, start: int) -> Iterator[Any]:
    for at in _places(text, start, "]"):
        value, at.end = _value(text, at)
        yield value


def _places(text: str, start: int, closing: str) -> Iterator[_Place]:
    """Where the parts of an array or object begin that begins at `start`."""
    at = _skip_space(text, start + 1)
    if text[at : at + 1] == closing:
        return
    while True:
        place = _Place(at)
        yield place
        at = _skip_space(text, place.end)
        mark = text[at : at + 1]
        if mark == closing:
            return
        if mark != ",":
            raise _damaged(text, at)
        at = _skip_space(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return parse_json_prefix(text, at)
    except json.JSONDecodeError as error:
        raise _damaged(text, error.pos) from None


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _damaged(text: str, at: int) -> DocumentError:
    if not text[at:].strip():
        return DocumentError("breaks off in the middle")
    return DocumentError("is not valid JSON", text.count("\n", 0, at) + 1)
