"""A store with its documents, as the window has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desktop.documents.choices import DocumentChoices
from desktop.documents.index import DocumentIndex
from desktop.documents.indexing import FolderUpdate
from desktop.documents.progress import IndexProgress
from desktop.documents.reader_process import ReaderProcess
from desktop.documents.search import DocumentSearch
from desktop.store import Store
from desktop.store.database import Database


class Desk:
    """The index of one store, and a folder of documents."""

    def __init__(self, file: Path, folder: Path, reader: ReaderProcess) -> None:
        self.database = Database.beside(file)
        self.index = DocumentIndex(self.database)
        self.search = DocumentSearch(self.database)
        self.choices = DocumentChoices(self.database)
        self.folder = folder
        self.reader = reader
        self.choices.choose(None, str(folder))

    def update(self, report: Callable[[IndexProgress], None] = lambda _: None) -> IndexProgress:
        return FolderUpdate(self.index, str(self.folder), self.reader, report).run()

    def found(self, question: str, *before: str) -> list[tuple[str, int | None, str]]:
        passages = self.search.find(str(self.folder), question, before)
        return [(found.path, found.passage.page, found.passage.text) for found in passages]

    def paths(self, question: str, *before: str) -> list[str]:
        return [path for path, _, _ in self.found(question, *before)]

    def files(self) -> dict[str, str]:
        files = self.index.files(self.index.folder_id(str(self.folder)))
        return {path: file.problem.kind if file.problem else "" for path, file in files.items()}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture(scope="module")
def reader() -> Iterator[ReaderProcess]:
    with ReaderProcess() as process:
        yield process


@pytest.fixture
def desk(tmp_path: Path, reader: ReaderProcess) -> Iterator[Desk]:
    (tmp_path / "folder").mkdir()
    with Store.open(tmp_path / "store" / "conversations.sqlite3") as store:
        desk = Desk(store.file, tmp_path / "folder", reader)
        yield desk
        desk.database.close()
