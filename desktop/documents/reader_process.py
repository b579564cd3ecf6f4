"""Has documents read by a process of their own (`reader_child`), with limits to its memory and its time.

This process never touches the folders itself: a network drive that does not answer would hang it.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import belle
from belle.documents import parse_json_row
from belle.errors import KnownError
from belle.texts import json_text, utf8
from desktop.documents.blocks import DocumentBlock, unreadable
from desktop.documents.folders import FoundFile
from desktop.documents.passages import Passage
from desktop.documents.readers import FileState

SILENT_S = 20.0
"""Seconds without a sign of life after which a file, or its disk, counts as hanging."""

LONGEST_S = 300.0
"""Seconds for one document."""

_COMMAND = (sys.executable, "-P", "-m", "desktop.documents.reader_child")
_POLL_S = 0.1
_END_S = 1.0
_CHUNK = 1 << 16


class ReadingStopped(Exception):  # noqa: N818 - not an error: the caller asked for it
    """Reading was stopped before its end."""


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage with its search terms: those of the file's name, of the heading, and of the text."""

    passage: Passage
    name_terms: str
    heading_terms: str
    text_terms: str


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """The state of a document that was read; `passages` is None when its content is what it was."""

    state: FileState
    passages: list[IndexedPassage] | None


class ReaderProcess:
    """Reads documents one after the other. The process is started when it is needed, also after one has died.

    Args:
        stopped: asked now and then; when it says so, what is under way ends with `ReadingStopped`.
    """

    def __init__(self, stopped: Callable[[], bool] = lambda: False) -> None:
        self._stopped = stopped
        self.silent_s = SILENT_S
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    @property
    def pid(self) -> int | None:
        """The number of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def scan(self, folder: Path) -> Iterator[FoundFile]:
        """The documents below a folder. Raises KnownError (see `documents_in`; `folder_hangs`) and ReadingStopped."""
        for line in self._ask({"do": "scan", "path": str(folder)}, lambda: _hanging_folder(folder)):
            if "file" in line:
                path, size, mtime_ns = line["file"]
                yield path, size, mtime_ns

    def blocks(self, path: Path) -> list[DocumentBlock]:
        """The text of a document. Raises KnownError (see `read_blocks`; `document_hangs`, `reader_died`)."""
        lines = self._ask({"do": "blocks", "path": str(path)}, lambda: _hanging_document(path))
        return [DocumentBlock(*line["block"]) for line in lines if "block" in line]

    def passages(self, path: Path, digest: str = "") -> ReadDocument:
        """A document in passages, unless its SHA-256 is still `digest`. Raises as `blocks`, and ReadingStopped."""
        passages, last = [], {}
        question = {"do": "passages", "path": str(path), "digest": digest}
        for last in self._ask(question, lambda: _hanging_document(path)):
            if "passage" in last:
                text, page, line, heading, *terms = last["passage"]
                passages.append(IndexedPassage(Passage(text, page, line, heading), *terms))
        return ReadDocument(FileState(*last["end"]), None if last.get("unchanged") else passages)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        # A process that waits for a disk cannot be killed before the disk answers: it is not waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: dict[str, str], hanging: Callable[[], KnownError]) -> Iterator[dict[str, Any]]:
        """The lines of the answer, up to its end. Raises what it says went wrong."""
        finished = False
        try:
            self._send(question)
            end = time.monotonic() + LONGEST_S
            while not finished:
                line = self._line(hanging, end, Path(question["path"]))
                finished = "end" in line or "error" in line
                if "error" in line:
                    raise KnownError.from_fields(line["error"])
                yield line
        finally:
            if not finished:
                self.close()  # the rest of this answer must not be read as the next one's

    def _send(self, question: dict[str, str]) -> None:
        if self._process is None:
            root = str(Path(belle.__file__).resolve().parent.parent)
            searched = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
            self._rest = b""
            self._process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": searched},
                start_new_session=True,  # Ctrl-C in a terminal is for this process alone
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # reading its answer says that it has died
            self._process.stdin.write(utf8(json_text(question)) + b"\n")
            self._process.stdin.flush()

    def _line(self, hanging: Callable[[], KnownError], end: float, path: Path) -> dict[str, Any]:
        """The next line. Raises KnownError when none comes in time, ReadingStopped."""
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        silent_until = time.monotonic() + self.silent_s
        while b"\n" not in self._rest:
            if self._stopped():
                raise ReadingStopped
            if time.monotonic() > min(end, silent_until):
                raise hanging()
            if not select.select([descriptor], [], [], _POLL_S)[0]:
                continue
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                raise unreadable(
                    "reader_died", path, "cannot be read: it ends the program that reads it", "Save it anew."
                )
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        parsed: dict[str, Any] = parse_json_row(line)
        return parsed


def _hanging_folder(folder: Path) -> KnownError:
    advice = "If it is on the network or another disk, look whether that is connected."
    return KnownError("folder_hangs", f"The folder {folder} does not answer.", advice, path=str(folder))


def _hanging_document(path: Path) -> KnownError:
    return unreadable("document_hangs", path, "takes too long to read", "Save it anew, or remove it from the folder.")
