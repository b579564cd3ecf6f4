"""Files of JSON Lines that are appended to while something runs and survive a crash: one object per line.

A killed process can leave an incomplete last line. Opening the file again cuts it off. A row that is damaged, or that
the caller refuses, is cut off with all that follow it, or passed over where rows do not depend on each other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from belle.documents import parse_json_row
from belle.durable import writing
from belle.texts import utf8

Take = Callable[[dict[str, Any]], object]
"""Called with one row after another. ValueError, TypeError or LookupError refuses a row."""


class JsonLines:
    """A file to which rows are appended. Created when it does not exist.

    Args:
        path: of the file.
        take: called with the existing rows; the first that it refuses is cut off, with all that follow.
        skip_damaged: keep what follows a row that is damaged or refused, and that row, too.

    Attributes:
        last: the last row that was not refused; empty while there is none.

    Raises KnownError ("disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, take: Take, *, skip_damaged: bool = False) -> None:
        self._path = path
        self._start = self._end = 0  # of the last line
        self.last: dict[str, Any] = {}
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if path.exists() else "w+b")
            for line, row in _rows(self._file, take, skip_damaged=skip_damaged):
                self._start, self._end, self.last = self._end, self._end + len(line), self.last if row is None else row
            self._file.truncate(self._end)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a line. Raises KnownError."""
        self._write(self._end, dict(row))

    def replace_last(self, row: Mapping[str, Any]) -> None:
        """Write a line in place of the last one. Raises KnownError."""
        self._write(self._start, dict(row))

    def sync(self) -> None:
        """Return when the lines are on the disk. Raises KnownError."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, start: int, row: dict[str, Any]) -> None:
        line = utf8(json.dumps(row, ensure_ascii=False)) + b"\n"
        with writing(self._path):
            # One write, so that a process which follows the file reads whole lines.
            self._file.seek(start)
            self._file.write(line)
            self._file.truncate()
            self._file.flush()
        self._start, self._end, self.last = start, start + len(line), row


class ResumableLines(JsonLines):
    """Results of a run that can be resumed. The first line identifies what all of them depend on.

    Args:
        path: of the file.
        identity: the first line; results after a different one are discarded.
        take: called with the existing results.
        resume: continue the existing results; otherwise they are discarded.

    Raises KnownError ("disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], take: Take, *, resume: bool) -> None:
        first = parse_json_row(json.dumps(identity, sort_keys=True))

        def take_or_refuse(row: dict[str, Any]) -> None:
            if not resume or (not self.last and row != first):
                raise ValueError("of another run")
            if self.last:
                take(row)

        super().__init__(path, take_or_refuse)
        if not self.last:
            self.append(first)

    def close(self) -> None:
        """Sync the file to the disk and close it; it stays for `resume`. Raises KnownError."""
        try:
            self.sync()
        finally:
            super().close()


def read_rows(path: Path, take: Take = lambda _: None, *, skip_damaged: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a file, up to the first that is damaged or refused, or without these. No rows without a file.

    Raises OSError.
    """
    if path.exists():
        with path.open("rb") as file:
            for _, row in _rows(file, take, skip_damaged=skip_damaged):
                if row is not None:
                    yield row


def _rows(lines: Iterable[bytes], take: Take, *, skip_damaged: bool) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Each line and its row, which is None where it is damaged or refused."""
    for line in lines:
        if not line.endswith(b"\n"):
            return
        row = _row(line, take)
        if row is None and not skip_damaged:
            return
        yield line, row


def _row(line: bytes, take: Take) -> dict[str, Any] | None:
    try:
        row = parse_json_row(line)
        if not isinstance(row, dict):
            return None
        take(row)
    except (ValueError, TypeError, LookupError):
        return None
    return row
