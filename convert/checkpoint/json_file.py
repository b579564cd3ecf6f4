"""Reads the JSON files of a checkpoint: of bounded size, an object at the top, with errors that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from belle.documents import DocumentError, parse_json
from belle.errors import KnownError
from convert.checkpoint.weights_file import WeightsFile


def read_json_object(path: Path, *, kind: str, longest: int) -> dict[str, Any]:
    """The object in `path`, at most `longest` bytes.

    Raises KnownError: `kind` (not a JSON object, too long), `missing_file`, `unreadable`.
    """
    file = WeightsFile(path)
    try:
        if file.size > longest:
            raise _wrong(path, kind, f"it is {file.size:,} bytes long (at most {longest:,} are read)")
        text = file.read(0, file.size)
    finally:
        file.close()
    try:
        value = parse_json(text)
    except DocumentError as error:
        raise _wrong(path, kind, f"it {error.message}") from error
    if not isinstance(value, dict):
        raise _wrong(path, kind, "it is not a JSON object")
    return value


def _wrong(path: Path, kind: str, what: str) -> KnownError:
    return KnownError(kind, f"{path.name}: {what}.", "Download it again, or correct it.", file=str(path))
