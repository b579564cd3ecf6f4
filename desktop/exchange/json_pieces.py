"""Reads a JSON file of many conversations one by one: a year of them takes gigabytes when all are objects at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from belle.documents import DocumentError, parse_json_prefix

_Part = TypeVar("_Part")

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
    for key, value in _parts(text, start, "}", lambda at: _member(text, at, list_key)):
        if isinstance(value, Iterator):
            return header, value
        header[key] = value
    return header, iter([header])


def _member(text: str, at: int, list_key: str) -> tuple[tuple[str, Any], int]:
    """Key and value of a member, and its end; of the array under `list_key` an iterator of values, and its start."""
    key, end = _value(text, at)
    colon = _skip_space(text, end)
    if not isinstance(key, str) or text[colon : colon + 1] != ":":
        raise _damaged(text, end)
    value_at = _skip_space(text, colon + 1)
    if key == list_key and text[value_at : value_at + 1] == "[":
        return (key, _elements(text, value_at)), value_at
    value, end = _value(text, value_at)
    return (key, value), end


def _elements(text: str, start: int) -> Iterator[Any]:
    return _parts(text, start, "]", lambda at: _value(text, at))


def _parts(text: str, start: int, closing: str, read: Callable[[int], tuple[_Part, int]]) -> Iterator[_Part]:
    """The parts of the array or object that begins at `start`; `read` returns the part at an offset, and its end."""
    at = _skip_space(text, start + 1)
    if text[at : at + 1] == closing:
        return
    while True:
        part, end = read(at)
        yield part
        at = _skip_space(text, end)
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
