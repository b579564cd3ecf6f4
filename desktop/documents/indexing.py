"""Brings the index of a folder up to date: reads what is new or has changed, removes what has gone.

It can be stopped, or killed, at any moment: the next time it goes on where it was, because every file is written by
itself and one that is not complete counts as not read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from belle.errors import KnownError
from desktop.documents.folders import FoundFile
from desktop.documents.index import DocumentIndex, IndexedFile
from desktop.documents.progress import IndexProgress
from desktop.documents.reader_process import ReaderProcess, ReadingStopped
from desktop.store.database import storable

# Of the file, which may be whole the next time though its size and time are the same.
_TRANSIENT = frozenset({"changed_while_read", "document_hangs", "reader_died", "unreadable", "no_permission"})

# What every file says of itself once its whole folder cannot be reached any more.
_OF_FOLDER = frozenset({"file_missing", "unreadable", "no_permission"})


class FolderUpdate:
    """One run through a folder; `report` is told after each document."""

    def __init__(
        self, index: DocumentIndex, folder: str, reader: ReaderProcess, report: Callable[[IndexProgress], None]
    ) -> None:
        self._index, self._folder, self._reader, self._report = index, folder, reader, report
        self._progress = IndexProgress(folder)
        self._unreachable: list[tuple[FoundFile, KnownError]] = []

    def run(self) -> IndexProgress:
        """Read the folder, as far as it goes. Returns the last report; what went wrong is in it."""
        try:
            self._run()
            self._progress = replace(self._progress, finished=True)
        except ReadingStopped:
            self._progress = replace(self._progress, stopped=True)
        except KnownError as error:  # of the folder, or of the store, such as a full disk
            self._progress = replace(self._progress, finished=True, problem=error)
        self._report(self._progress)
        return self._progress

    def _run(self) -> None:
        index, folder = self._index, Path(self._folder)
        index.remove_unused_folders()
        folder_id = index.folder_id(self._folder)
        self._report(self._progress)
        present = list(self._reader.scan(folder))
        known = index.files(folder_id)
        for path in known.keys() - {storable(path) for path, _, _ in present}:
            index.remove(known[path])
        self._progress = replace(self._progress, total=len(present))
        for found in present:
            can_be_read = self._update_file(folder_id, found, known.get(storable(found[0])))
            done, unreadable = self._progress.done + 1, self._progress.unreadable + (not can_be_read)
            self._progress = replace(self._progress, done=done, unreadable=unreadable)
            self._report(self._progress)
        self._judge_unreachable(folder_id)

    def _judge_unreachable(self, folder_id: int) -> None:
        """Refuse the files that could not be reached, unless it is the folder that cannot: what was read of it stays.

        Raises KnownError about the folder.
        """
        if self._unreachable:
            present = {path for path, _, _ in self._reader.scan(Path(self._folder))}
            for found, problem in self._unreachable:
                if found[0] in present:
                    self._index.refuse(folder_id, found, problem)

    def _update_file(self, folder_id: int, found: FoundFile, known: IndexedFile | None) -> bool:
        """Read a file if it has changed. Returns whether it could be read."""
        path, size, mtime_ns = found
        if known is not None and (known.size, known.mtime_ns) == (size, mtime_ns):
            if known.problem is None and known.digest:
                return True
            if known.problem is not None and known.problem.kind not in _TRANSIENT:
                return False
        try:
            document = self._reader.passages(Path(self._folder) / path, known.digest if known is not None else "")
        except KnownError as error:
            if error.kind in _OF_FOLDER:
                self._unreachable.append((found, error))
            else:
                self._index.refuse(folder_id, found, error)
            return False
        if document.passages is None and known is not None:
            self._index.touch(known, document.state)
        else:
            self._index.replace(folder_id, path, document.state, document.passages or [])
        return True
