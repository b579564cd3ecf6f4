"""What was read of the documents: folders, files, and passages with their terms. Written by `indexing` alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.documents import parse_json_row
from belle.errors import KnownError
from belle.search.terms import index_terms
from belle.texts import json_text
from desktop.documents.folders import FoundFile
from desktop.documents.index_tables import make_tables
from desktop.documents.reader_process import IndexedPassage
from desktop.documents.readers import FileState
from desktop.store.database import Database

_BATCH = 100
"""Passages in one transaction: the window's own writes wait for it, and must not wait long."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file as it was when it was read; `problem` is why it could not be read."""

    id: int
    path: str
    size: int
    mtime_ns: int
    digest: str
    problem: KnownError | None


class DocumentIndex:
    """The index in one database file. Every method raises StoreError.

    Nothing here is fsynced: what a power cut takes is read again.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        make_tables(database)

    def folder_id(self, path: str) -> int:
        """The number of a folder, with a row made for it if there is none."""
        with self._db.transaction(durable=False):
            self._db.write("INSERT OR IGNORE INTO document_folder (path) VALUES (?)", path)
        return int(self._db.rows("SELECT id FROM document_folder WHERE path = ?", path)[0][0])

    def files(self, folder_id: int) -> dict[str, IndexedFile]:
        """The files of a folder by their path below it."""
        rows = self._db.rows(
            "SELECT id, path, size, mtime_ns, digest, problem FROM document_file WHERE folder_id = ? ORDER BY path",
            folder_id,
        )
        return {row[1]: IndexedFile(row[0], row[1], row[2], row[3], row[4], _problem(row[5])) for row in rows}

    def replace(self, folder_id: int, path: str, state: FileState, passages: Sequence[IndexedPassage]) -> None:
        """Set what a file holds. Interrupted in the middle, the file counts as not read."""
        file_id = self._begin(folder_id, path)
        for start in range(0, len(passages), _BATCH):
            with self._db.transaction(durable=False):
                for position, passage in enumerate(passages[start : start + _BATCH], start):
                    self._add(file_id, position, passage)
        self._finish(file_id, state)

    def touch(self, file: IndexedFile, state: FileState) -> None:
        """The content of a file is what it was; its time is another."""
        self._finish(file.id, state)

    def refuse(self, folder_id: int, found: FoundFile, problem: KnownError) -> None:
        """Note that a file cannot be read; what was read of it before leaves."""
        path, size, mtime_ns = found
        self._finish(self._begin(folder_id, path), FileState(size, mtime_ns, ""), problem)

    def remove(self, file: IndexedFile) -> None:
        """Remove a file that is not in the folder any more."""
        self._remove_passages(file.id, file.path)
        with self._db.transaction(durable=False):
            self._db.write("DELETE FROM document_file WHERE id = ?", file.id)

    def remove_unused_folders(self) -> None:
        """Remove what was read of folders that no conversation has any more."""
        unused = self._db.rows("SELECT id FROM document_folder WHERE path NOT IN (SELECT folder FROM document_choice)")
        for (folder_id,) in unused:
            for file in self.files(folder_id).values():
                self.remove(file)
            with self._db.transaction(durable=False):
                self._db.write("DELETE FROM document_folder WHERE id = ?", folder_id)

    def _begin(self, folder_id: int, path: str) -> int:
        """The number of a file, without passages and as if never read."""
        with self._db.transaction(durable=False):
            self._db.write(
                "INSERT INTO document_file (folder_id, path, size, mtime_ns) VALUES (?, ?, -1, -1)"
                " ON CONFLICT (folder_id, path) DO UPDATE SET size = -1, mtime_ns = -1, digest = '', problem = ''",
                *(folder_id, path),
            )
        row = self._db.rows("SELECT id FROM document_file WHERE folder_id = ? AND path = ?", folder_id, path)
        file_id = int(row[0][0])
        self._remove_passages(file_id, path)
        return file_id

    def _finish(self, file_id: int, state: FileState, problem: KnownError | None = None) -> None:
        with self._db.transaction(durable=False):
            self._db.write(
                "UPDATE document_file SET size = ?, mtime_ns = ?, digest = ?, problem = ? WHERE id = ?",
                *(state.size, state.mtime_ns, state.digest, _problem_text(problem), file_id),
            )

    def _add(self, file_id: int, position: int, indexed: IndexedPassage) -> None:
        passage = indexed.passage
        added = self._db.write(
            "INSERT INTO document_passage (file_id, position, text, page, line, heading) VALUES (?, ?, ?, ?, ?, ?)",
            *(file_id, position, passage.text, passage.page, passage.line, passage.heading),
        )
        self._db.write(
            "INSERT INTO document_terms (rowid, name, heading, body) VALUES (?, ?, ?, ?)",
            *(added.lastrowid, indexed.name_terms, indexed.heading_terms, indexed.text_terms),
        )

    def _remove_passages(self, file_id: int, path: str) -> None:
        name = index_terms(Path(path).stem)
        while rows := self._db.rows(
            "SELECT id, heading, text FROM document_passage WHERE file_id = ? LIMIT ?", file_id, _BATCH
        ):
            with self._db.transaction(durable=False):
                for passage_id, heading, text in rows:
                    # FTS5 has no texts to look the terms up in: it takes them from here, and they must be the same.
                    self._db.write(
                        "INSERT INTO document_terms (document_terms, rowid, name, heading, body)"
                        " VALUES ('delete', ?, ?, ?, ?)",
                        *(passage_id, name, index_terms(heading), index_terms(text)),
                    )
                    self._db.write("DELETE FROM document_passage WHERE id = ?", passage_id)


def _problem_text(problem: KnownError | None) -> str:
    if problem is None:
        return ""
    return json_text({"kind": problem.kind, "message": problem.message, "advice": problem.advice})


def _problem(text: str) -> KnownError | None:
    if not text:
        return None
    try:
        fields = parse_json_row(text.encode())
        return KnownError(str(fields["kind"]), str(fields["message"]), str(fields["advice"]))
    except (ValueError, KeyError):  # of a damaged file
        return KnownError("unreadable", "This document could not be read.", "")
