"""The readers of JSON and TOML that this process did not write, and what the reader of YAML shares with them.

An untrusted document may be nested to exhaust the stack, hold a number of a million digits, refer to itself, or ask for
Python objects. Python's readers answer each of these with another exception, or hang. Here a document becomes plain
data (None, booleans, numbers, text, lists, mappings, for JSON with text keys) within limits, or a `DocumentError` that
says what is wrong and in which line; `read_json` adds the file's name. `belle.yaml_reader` follows the same rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.texts import read_input, short_repr

DEEPEST = 100
"""Levels of lists and mappings. So code that walks through a document may recurse for each level."""

MOST_DIGITS = 300
"""Of a whole number; about as many as the largest float has."""

LONGEST_JSON = 256 << 20
"""Bytes. The largest vocabularies take about 20 MB."""

MOST_VALUES = 5_000_000
"""Of a JSON document. The largest vocabularies have about a million; a value takes about a hundred bytes of memory."""

_CORRECT = "Correct the file, or get it again."


class DocumentError(ValueError):
    """What is wrong with a document.

    Args:
        message: a clause without a subject that follows “FILE, line N ”, such as “is not valid JSON: …”.
        line: the line, from 1 on; None where it is not known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"line {line} {message}" if line else message)
        self.message = message
        self.line = line


def parse_json(text: str | bytes, *, unique_keys: bool = False) -> Any:
    """The value of a JSON document (UTF-8, a byte-order mark is skipped). Raises DocumentError.

    Args:
        unique_keys: refuse a key that occurs twice in an object; otherwise the last one counts.
    """
    return _parsed(text, (_UNIQUE if unique_keys else _DOCUMENT).decode)


def parse_json_row(text: str | bytes) -> Any:
    """The value of one line of JSON Lines: a faster `parse_json`, for millions of lines. Raises DocumentError.

    Whole numbers may have as many digits as Python accepts.
    """
    return _parsed(text, _ROW.decode)


def parse_json_prefix(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends: for JSON that is read piece by piece.

    Raises json.JSONDecodeError where more text may complete it, and DocumentError where no more text can help.
    """
    try:
        value, end = _ROW.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise DocumentError(f"is nested more than {DEEPEST} levels deep") from None
    except ValueError:
        raise DocumentError("has a number with too many digits") from None
    # Counting is quick, and few documents have as many brackets as would be needed.
    if text.count("[", start, end) + text.count("{", start, end) > DEEPEST:
        _check_depth(value)
    return value, end


def parse_toml(data: bytes) -> dict[str, Any]:
    """The table in a TOML file. Raises DocumentError."""
    import tomllib  # not before a file is read: no window needs it to be painted

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 (byte {error.start + 1})") from None
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(f"is not valid TOML: {error}") from None
    except RecursionError:
        raise DocumentError("is nested too deep") from None


def _check_depth(value: Any) -> None:
    """Raise DocumentError for a decoded value that is nested deeper than `DEEPEST`. Goes level by level, so that the
    check itself does not recurse.
    """
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise DocumentError(f"is nested more than {DEEPEST} levels deep")
        level = [inner for part in level for inner in (part.values() if isinstance(part, dict) else part)]


def read_document(
    path: Path, parse: Callable[[bytes], Any], *, kind: str = "file_damaged", longest: int, advice: str = ""
) -> Any:
    """The document in a file of at most `longest` bytes, parsed by `parse`.

    Raises KnownError: `kind` with `advice`, naming file and line, where `parse` raises DocumentError; `file_too_large`;
    those of `open_input`.
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
        # Decoded here: json.loads would also accept UTF-16 and UTF-32, which nobody writes.
        plain = text if isinstance(text, str) else text.decode("utf-8")
        if len(plain) > MOST_VALUES:
            check_value_count(plain)
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


def check_value_count(text: str, most: int = MOST_VALUES) -> None:
    """Raise DocumentError for too many values, before they are created: `[[],[],…` takes far more memory than bytes."""
    if sum(map(text.count, ",[{")) > most:
        raise DocumentError(f"holds more than {most:,} values")


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
