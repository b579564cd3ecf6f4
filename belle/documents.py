"""The one reader of JSON for what did not come out of this process, and what it shares with that of YAML.

A document may be nested to exhaust the stack, hold a number of a million digits, name a part of itself, or ask for
objects of the language that reads it. Python's readers answer each with another exception, or with a hang. Here a
document becomes plain data (None, truth values, numbers, text, lists, mappings with text keys where it is JSON) within
limits, or a `DocumentError` that says what is wrong and where; `read_json` says it with the file's name. YAML is read
by `belle.yaml_reader`, under the same rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.texts import read_input, short_repr

DEEPEST = 100
"""Lists and mappings inside each other. What walks through a document may call itself for each level."""

MOST_DIGITS = 300
"""Of a whole number; as many as a float can take."""

LONGEST_JSON = 256 << 20
"""Bytes. The largest vocabularies take about 20 MB."""

MOST_VALUES = 5_000_000
"""Of a JSON document. The largest vocabularies have about a million; a value takes some hundred bytes of memory."""

_CORRECT = "Correct the file, or get it again."


class DocumentError(ValueError):
    """What a document is not.

    Args:
        message: a clause without a subject that follows “FILE, line N ”, such as “is not valid JSON: …”.
        line: where, from 1 on; None where no line can be named.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"line {line} {message}" if line else message)
        self.message = message
        self.line = line


def parse_json(text: str | bytes, *, unique_keys: bool = False) -> Any:
    """The value of a JSON document (UTF-8, a byte-order mark is skipped). Raises DocumentError.

    Args:
        unique_keys: refuse a key that stands twice in an object, of which otherwise the last one counts.
    """
    return _parsed(text, (_UNIQUE if unique_keys else _DOCUMENT).decode)


def parse_json_row(text: str | bytes) -> Any:
    """The value of one line of JSON Lines: as `parse_json`, for millions of lines. Raises DocumentError.

    Whole numbers may have as many digits as Python reads; everything else is as there.
    """
    return _parsed(text, _ROW.decode)


def parse_json_prefix(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends: for JSON that is read piece by piece.

    Raises json.JSONDecodeError where it may only not be all there, and DocumentError for what more text does not mend.
    """
    try:
        value, end = _ROW.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise DocumentError(f"is nested more than {DEEPEST} levels deep") from None
    except ValueError:
        raise DocumentError("has a number with too many digits") from None
    if text.count("[", start, end) + text.count("{", start, end) > DEEPEST:
        _check_depth(value)
    return value, end


def _check_depth(value: Any) -> None:
    """Refuse a value out of a JSON decoder that is nested deeper than `DEEPEST`. Raises DocumentError."""
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise DocumentError(f"is nested more than {DEEPEST} levels deep")
        level = [inner for part in level for inner in (part.values() if isinstance(part, dict) else part)]


def read_document(
    path: Path, parse: Callable[[bytes], Any], *, kind: str = "file_damaged", longest: int, advice: str = ""
) -> Any:
    """What `parse` makes of a file of at most `longest` bytes; its `DocumentError` is said with the file's name.

    Raises KnownError: `kind` for what `parse` refuses, with `advice`; `file_too_large`; those of `open_input`.
    """
    try:
        return parse(read_input(path, longest=longest))
    except DocumentError as error:
        where = f"{path}, line {error.line}" if error.line else f"{path}"
        raise KnownError(
            kind, f"{where} {error.message}.", advice or _CORRECT, path=str(path), line=error.line
        ) from None


def read_json(path: Path, *, kind: str = "file_damaged", longest: int = LONGEST_JSON, advice: str = "") -> Any:
    """The value in a JSON file of at most `longest` bytes. Raises KnownError as `read_document`."""
    return read_document(path, parse_json, kind=kind, longest=longest, advice=advice)


def read_json_object(
    path: Path, *, kind: str = "file_damaged", longest: int = LONGEST_JSON, advice: str = ""
) -> dict[str, Any]:
    """The object in a JSON file. Raises KnownError as `read_json`, `kind` also for another value."""
    value = read_json(path, kind=kind, longest=longest, advice=advice)
    if not isinstance(value, dict):
        raise KnownError(kind, f"{path} is not a JSON object.", advice or _CORRECT, path=str(path))
    return value


def _parsed(text: str | bytes, decode: Callable[[str], Any]) -> Any:
    try:
        # bytes may also be UTF-16 by the JSON standard's older edition; nobody writes that, and people are told.
        plain = text if isinstance(text, str) else text.decode("utf-8")
        if len(plain) > MOST_VALUES:
            _check_number(plain)
        value = decode(plain.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise DocumentError(f"is not valid JSON: {error.msg} at character {error.colno}", error.lineno) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"is not UTF-8 (byte {error.start + 1})", line) from None
    except RecursionError:
        raise DocumentError(f"is nested more than {DEEPEST} levels deep") from None
    except DocumentError:
        raise
    except ValueError:
        raise DocumentError("has a number with too many digits") from None
    if plain.count("[") + plain.count("{") > DEEPEST:
        _check_depth(value)
    return value


def _check_number(text: str) -> None:
    """Refuse a document of a few bytes for each of many values, before they exist."""
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise DocumentError(f"holds more than {MOST_VALUES:,} values")


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise DocumentError(f"has a number of {len(digits):,} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise DocumentError(f"has the key {short_repr(key)} twice")
        mapping[key] = value
    return mapping


_DOCUMENT = json.JSONDecoder(parse_int=_whole_number)
_UNIQUE = json.JSONDecoder(parse_int=_whole_number, object_pairs_hook=_unique)
_ROW = json.JSONDecoder()
