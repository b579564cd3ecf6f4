"""The answers of a batch generation, written in the order of the questions, so that an interrupted one can be resumed.

Until it is complete, the answers are in FILE.part, and FILE.part.json says what was asked of which model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from belle.documents import parse_json
from belle.durable import sync_folder, write_text, writing
from belle.errors import KnownError


class AnswersFile:
    """An output file that is being written; a context manager. Only process 0 writes, the others do nothing.

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
        """Begin the file, or continue an interrupted one. Returns how many answers it has already.

        Args:
            request: what is asked of which model, JSON-serializable; a resumed run must ask the same.

        Raises KnownError: `output_exists`, `request_changed`, and those of writing.
        """
        if self._rank:
            return 0
        if self._path.exists():
            raise KnownError(
                "output_exists", f"{self._path} already exists.", "Choose another -o.", path=str(self._path)
            )
        request_json = json.dumps(dict(request), sort_keys=True, ensure_ascii=False)
        done = 0
        if self._part.exists():
            self._check_same(request_json, resume=resume)
            done = self._cut_unfinished()
        write_text(self._request_file, request_json + "\n")
        with writing(self._part):
            self._stream = self._part.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
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
        with writing(self._part):
            self._stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            self._stream.flush()
            os.fsync(self._stream.fileno())

    def finish(self) -> None:
        """Give the complete file its name. Raises KnownError of writing."""
        if self._stream is None:
            return
        self._stream.close()
        with writing(self._path):
            self._part.replace(self._path)
            self._request_file.unlink(missing_ok=True)
            sync_folder(self._path.absolute().parent)

    def _check_same(self, request_json: str, *, resume: bool) -> None:
        """Raises KnownError unless the interrupted file may be continued with this request."""
        if not resume:
            raise KnownError(
                "output_exists",
                f"{self._part} holds the answers of a generation that was interrupted.",
                "Go on with --resume, or delete it.",
                path=str(self._part),
            )
        if not self._request_file.exists():
            return
        begun = self._request_file.read_text(encoding="utf-8").strip()
        if begun != request_json:
            old, new = parse_json(begun), parse_json(request_json)
            changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
            raise KnownError(
                "request_changed",
                f"{self._part} was begun with another {', '.join(changed)}.",
                "Go on with the options it was begun with, or choose another -o.",
                changed=changed,
            )

    def _cut_unfinished(self) -> int:
        """Cut off a line that was being written when the program was killed. Returns the number of complete lines."""
        with self._part.open("rb+") as stream:
            content = stream.read()
            stream.truncate(content.rfind(b"\n") + 1)
        return content.count(b"\n")
