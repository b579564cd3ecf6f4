"""The answers of a batch generation: written in the order of the questions, and whole questions at a time, so that an
interrupted one goes on where it stopped.

Until all are there, they are in FILE.part, and FILE.part.json says what was asked of which model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from belle.documents import parse_json
from belle.durable import sync_folder, worded, write_text
from belle.errors import KnownError


class AnswersFile:
    """FILE in the making. A context manager. Only process 0 writes; in the others nothing happens.

    Args:
        path: where the answers will be.
        rank: of this process.
    """

    def __init__(self, path: Path, rank: int = 0) -> None:
        self._path = path
        self._rank = rank
        self._part = path.with_name(f"{path.name}.part")
        self._request_file = path.with_name(f"{path.name}.part.json")
        self._stream: TextIO | None = None

    def open(self, request: Mapping[str, Any], *, resume: bool) -> int:
        """Begin, or go on with what is there. Returns how many answers there are already.

        Args:
            request: what is asked of whom, as JSON can hold it; a run that goes on must ask the same.

        Raises KnownError: `output_exists`, `request_changed`, and those of writing.
        """
        if self._rank:
            return 0
        if self._path.exists():
            raise KnownError(
                "output_exists", f"{self._path} is there already.", "Choose another -o.", path=str(self._path)
            )
        asked = json.dumps(dict(request), sort_keys=True, ensure_ascii=False)
        done = 0
        if self._part.exists():
            self._check(asked, resume=resume)
            done = self._cut_unfinished()
        write_text(self._request_file, asked + "\n")
        try:
            self._stream = self._part.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise worded(self._part, error) from error
        return done

    def __enter__(self) -> AnswersFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add answers. Raises KnownError of writing."""
        if self._stream is None:
            return
        try:
            self._stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise worded(self._part, error) from error

    def finish(self) -> None:
        """All answers are there: give the file its name. Raises KnownError of writing."""
        if self._stream is None:
            return
        self._stream.close()
        try:
            self._part.replace(self._path)
            self._request_file.unlink(missing_ok=True)
            sync_folder(self._path.absolute().parent)
        except OSError as error:
            raise worded(self._path, error) from error

    def _check(self, asked: str, *, resume: bool) -> None:
        if not resume:
            raise KnownError(
                "output_exists",
                f"{self._part} holds the answers of a generation that was interrupted.",
                "Go on with --resume, or delete it.",
                path=str(self._part),
            )
        before = self._request_file.read_text(encoding="utf-8").strip() if self._request_file.exists() else asked
        if before != asked:
            then, now = parse_json(before), parse_json(asked)
            changed = sorted(key for key in {*then, *now} if then.get(key) != now.get(key))
            raise KnownError(
                "request_changed",
                f"{self._part} was begun with another {', '.join(changed)}.",
                "Go on with the options it was begun with, or choose another -o.",
                changed=changed,
            )

    def _cut_unfinished(self) -> int:
        """Take off a line that was being written when the program was killed; returns how many are whole."""
        with self._part.open("rb+") as stream:
            whole = stream.read()
            end = whole.rfind(b"\n") + 1
            stream.truncate(end)
        return whole.count(b"\n")
