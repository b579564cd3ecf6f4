"""A file of JSON Lines that grows while something is measured, for an interrupted run to go on with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from belle.documents import parse_json_row
from belle.durable import worded
from belle.texts import utf8


class JsonLines:
    """The file. Its first line says what everything after it depends on.

    Args:
        path: of the file.
        identity: the first line; rows after another one are not continued but replaced.
        take: called with every row that is there already; ValueError, TypeError or KeyError says that it is damaged,
            and the file goes on from there.
        resume: go on with what is there.

    Raises KnownError ("disk_full", "folder_not_writable").
    """

    def __init__(
        self, path: Path, identity: Mapping[str, Any], take: Callable[[dict[str, Any]], None], *, resume: bool
    ) -> None:
        self._path = path
        first = utf8(json.dumps(identity, sort_keys=True, ensure_ascii=False)) + b"\n"
        kept = _read(path, first, take) if resume else first
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if len(kept) > len(first) else "wb")
            if len(kept) == len(first):
                self._file.write(first)
                self._file.flush()
            self._file.seek(len(kept))
            self._file.truncate()
        except OSError as error:
            raise worded(path, error) from error

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep a row. Raises KnownError."""
        try:
            self._file.write(utf8(json.dumps(row, ensure_ascii=False)) + b"\n")
            self._file.flush()
        except OSError as error:
            raise worded(self._path, error) from error

    def close(self) -> None:
        """Bring it onto the disk and close it; the file stays for `resume`. Raises KnownError."""
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise worded(self._path, error) from error


def _read(path: Path, first: bytes, take: Callable[[dict[str, Any]], None]) -> bytes:
    """The part of the file that can be continued."""
    try:
        data = path.read_bytes()
    except OSError:
        return first
    if not data.startswith(first):
        return first
    kept = first
    for line in data[len(first) :].splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            take(parse_json_row(line))
        except (ValueError, TypeError, KeyError):
            break
        kept += line
    return kept
