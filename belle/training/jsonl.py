"""Append-only JSON lines that outlive a crash: one strict JSON object per line, each flushed when it is complete.

A killed process can leave a torn last line; opening the file again cuts it, together with the lines that the run is
about to write anew.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from belle.documents import parse_json_row
from belle.durable import worded
from belle.texts import utf8


class JsonLines:
    """A file of objects that have a `step`.

    Args:
        path: the file; created when it is not there.
        step: lines of later steps are cut, and what follows a line that is no object.

    Raises KnownError (`disk_full`, `folder_not_writable`).
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        self._last: dict[str, Any] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if path.exists() else "w+b")
            self._start = self._cut(step)
        except OSError as error:
            raise worded(path, error) from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one line. Raises KnownError."""
        self._write(self._file.seek(0, os.SEEK_END), dict(row))

    def merge(self, row: Mapping[str, Any]) -> None:
        """Write one line, or, when the last one is of the same step, put the values into that. Raises KnownError."""
        if self._last.get("step") == row["step"]:
            self._write(self._start, {**self._last, **row})
        else:
            self.append(row)

    def sync(self) -> None:
        """Return when the lines are on the disk. Raises KnownError."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise worded(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, start: int, row: dict[str, Any]) -> None:
        line = utf8(json.dumps(_strict(row), ensure_ascii=False, allow_nan=False) + "\n")
        try:
            # One write: a reader that follows the file meets whole lines.
            self._file.seek(start)
            self._file.write(line)
            self._file.truncate()
            self._file.flush()
        except OSError as error:
            raise worded(self._path, error) from error
        self._start, self._last = start, row

    def _cut(self, step: int) -> int:
        """Cut the file. Returns where its last line begins."""
        start = end = 0
        for line in self._file:
            row = _object(line)
            if row is None or row["step"] > step:
                break
            start, end, self._last = end, end + len(line), row
        self._file.truncate(end)
        return start


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, up to the first line that is none. Nothing when there is no such file. Raises OSError."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            row = _object(line)
            if row is None:
                return
            yield row


def _object(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        row = parse_json_row(line)
    except ValueError:
        return None
    whole = isinstance(row, dict) and isinstance(row.get("step"), int)
    return row if whole else None


def _strict(value: Any) -> Any:
    """`value` with null for what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    return value
