"""The folders of documents that conversations have, read and searched in threads beside the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.chat.documents.embedding import FolderEmbedding
from desktop.documents.choices import DocumentChoices
from desktop.documents.progress import IndexProgress
from desktop.store import Store, StoreError
from desktop.store.database import Database
from desktop.store.instructions.precedence import InForce, in_force

# The readers and the index are imported when there is a folder: the window opens conversations without them.
if TYPE_CHECKING:
    from desktop.documents.cited import CitedPassage
    from desktop.documents.index import IndexedFile
    from desktop.documents.search import FoundPassage

_WAIT_S = 3.0
"""That a question waits for a folder to be read, before it is searched as far as it has been."""

_REPORT_S = 0.1
"""Between two reports of how far a folder has been read."""

OnFound = Callable[["list[FoundPassage]"], None]


class DocumentFolders(QObject):
    """Which folder a conversation has, how far it has been read, and what is in it.

    Args:
        store: has the conversations, and in the same file the index of their documents.
        of_project: the folder of the project that a conversation (None: the new one) is in; None for none.
    """

    progress = Signal(object)  # IndexProgress
    failed = Signal(object)  # StoreError
    _found = Signal(object, object)  # OnFound, list[FoundPassage]

    def __init__(
        self, store: Store, parent: QObject, *, of_project: Callable[[int | None], str | None] = lambda _: None
    ) -> None:
        super().__init__(parent)
        self._of_project = of_project
        self._file, self._read_only = store.file, store.is_read_only
        self._database = store.database
        self._choices = DocumentChoices(self._database)
        self.embedding = FolderEmbedding(self._file, self)
        self._last: dict[str, IndexProgress] = {}
        self.is_closed = False
        self._stopping = threading.Event()
        self._indexer: threading.Thread | None = None
        self._reading = ""
        self._reported_at = 0.0
        self.progress.connect(self._remember)
        # A method, not a lambda: Qt must know that it belongs to this object's thread.
        self._found.connect(self._deliver)

    def folder(self, conversation_id: int | None) -> InForce[str]:
        """The folder that holds for a conversation (None: for the new one); empty for none. Raises StoreError."""
        return in_force(self._choices.folder(conversation_id), self._of_project(conversation_id), "")

    def choose(self, conversation_id: int | None, folder: str | None) -> None:
        """Give a conversation a folder, and read it; empty: none at all, None: that of its project if it has one.

        Raises StoreError.
        """
        self._choices.choose(conversation_id, folder)
        if folder:
            self.update(folder)

    def adopt(self, conversation_id: int) -> None:
        """The new conversation has become this one. Raises StoreError."""
        self._choices.adopt(conversation_id)

    def state(self, folder: str) -> IndexProgress:
        """How far a folder has been read in this run of the program."""
        return self._last.get(folder, IndexProgress(folder))

    def is_reading(self) -> bool:
        """Whether a folder is being read."""
        return self._indexer is not None and self._indexer.is_alive()

    def files(self, folder: str) -> list[IndexedFile]:
        """The documents of a folder as far as they are known, by path. Raises StoreError."""
        from desktop.documents.index import DocumentIndex

        index = DocumentIndex(self._database)
        return list(index.files(index.folder_id(folder)).values())

    def around(self, folder: str, source: CitedPassage) -> tuple[str, str]:
        """The text before and after a passage in its document, as far as the index has it. Raises StoreError."""
        from desktop.documents.search import DocumentSearch

        return DocumentSearch(self._database).around(folder, source)

    def update(self, folder: str) -> None:
        """Read what has changed in a folder; another one that is being read is left where it is."""
        goes_on = self.is_reading() and self._reading == folder and not self._stopping.is_set()
        if self._read_only or goes_on:
            return
        self.stop()
        self._reading = folder
        self._stopping = threading.Event()
        arguments = (folder, self._stopping, self._indexer)
        indexer = threading.Thread(target=self._read, args=arguments, name="documents", daemon=True)
        indexer.start()
        self._indexer = indexer  # only now: a search that joins it needs it started

    def stop(self) -> None:
        """Leave the folder that is being read where it is; `update` goes on from there."""
        self._stopping.set()
        self.embedding.stop()

    def find(self, folder: str, question: str, before: Sequence[str], on_found: OnFound) -> None:
        """Search a folder; `on_found` is called later, in this thread. Where the search fails, nothing is found."""
        arguments = (folder, question, before, on_found)
        threading.Thread(target=self._search, args=arguments, name="document-search", daemon=True).start()

    def close(self) -> None:
        """End reading and searching."""
        self.is_closed = True
        self.stop()
        self.blockSignals(True)
        self.embedding.close()
        if self._indexer is not None:
            self._indexer.join(timeout=2)

    def _remember(self, progress: IndexProgress) -> None:
        self._last[progress.folder] = progress
        if progress.finished and progress.problem is None:
            self.embedding.update(progress.folder)

    def _deliver(self, on_found: OnFound, passages: list[FoundPassage]) -> None:
        on_found(passages)

    # In other threads, each with a connection of its own

    def _read(self, folder: str, stopping: threading.Event, before: threading.Thread | None) -> None:
        from desktop.documents.index import DocumentIndex
        from desktop.documents.indexing import FolderUpdate
        from desktop.documents.reader_process import ReaderProcess

        if before is not None:
            before.join()
        try:
            with closing(Database.beside(self._file)) as database, ReaderProcess(stopping.is_set) as reader:
                FolderUpdate(DocumentIndex(database), folder, reader, self._report).run()
        except StoreError as error:
            self.failed.emit(error)

    def _report(self, progress: IndexProgress) -> None:
        # Not after each of thousands of unchanged documents: the window has other things to do.
        is_last = progress.finished or progress.stopped
        if is_last or progress.done == 0 or time.monotonic() - self._reported_at > _REPORT_S:
            self._reported_at = time.monotonic()
            self.progress.emit(progress)

    def _search(self, folder: str, question: str, before: Sequence[str], on_found: OnFound) -> None:
        from desktop.documents.search import DocumentSearch

        indexer = self._indexer
        if indexer is not None:
            indexer.join(_WAIT_S)
        found: list[FoundPassage] = []
        try:
            with closing(Database.beside(self._file)) as database:
                nearest = self._nearest(database, folder, question)
                found = DocumentSearch(database).find(folder, question, before, nearest)
        except StoreError as error:
            self.failed.emit(error)
        self._found.emit(on_found, found)

    def _nearest(self, database: Database, folder: str, question: str) -> Sequence[int]:
        """The passages that are nearest in meaning; none where their part of the index is damaged."""
        with suppress(StoreError):
            return self.embedding.nearest(database, folder, question)
        return ()
