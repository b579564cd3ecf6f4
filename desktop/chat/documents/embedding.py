"""Has the passages of a folder embedded in the background, and the questions about it at once.

Nothing is embedded while a question is answered: the model that answers needs the processor. The process of the
embedding model ends when it has not been used for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from belle.errors import KnownError
from desktop.documents.progress import EmbeddingProgress
from desktop.store.database import Database

if TYPE_CHECKING:
    from desktop.chat.documents.embedding_worker import EmbeddingWorker
    from desktop.documents.embeddings.model import EmbeddingModel

_QUESTION_S = 2.0
"""That a question waits for its vector, before it is searched by words alone."""

_IDLE_MS = 5 * 60_000


class FolderEmbedding(QObject):
    """The vectors of one folder at a time.

    Args:
        file: of the store, which has the index.
    """

    progress = Signal(object)  # EmbeddingProgress
    _used = Signal()

    def __init__(self, file: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._file = file
        self._last: dict[str, EmbeddingProgress] = {}
        self._worker: EmbeddingWorker | None = None
        self._making = threading.Lock()  # held while `_worker` is made
        self._folder = ""
        self._is_paused = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._idle = QTimer(self, interval=_IDLE_MS, singleShot=True)
        self._idle.timeout.connect(self._end_worker)
        self._used.connect(self._idle.start)
        self.progress.connect(self._remember)

    def state(self, folder: str) -> EmbeddingProgress:
        """How far the passages of a folder have been embedded in this run of the program."""
        return self._last.get(folder, EmbeddingProgress(folder))

    def update(self, folder: str) -> None:
        """Embed what is new in a folder; another one that is being embedded is left where it is."""
        self._folder = folder
        self._start()

    def pause(self) -> None:
        """Embed nothing until `resume`: a question is being answered."""
        self._is_paused = True
        self._stopping.set()

    def resume(self) -> None:
        """Go on with what `pause` has interrupted."""
        self._is_paused = False
        self._start()

    def stop(self) -> None:
        """Leave the folder where it is; `update` goes on from there."""
        self._folder = ""
        self._stopping.set()

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.blockSignals(True)
        if self._thread is not None:
            self._thread.join(timeout=2)
        if self._worker is not None:
            self._worker.close()

    def _start(self) -> None:
        if not self._folder or self._is_paused:
            return
        self._stopping.set()
        self._stopping = threading.Event()
        arguments = (self._folder, self._stopping, self._thread)
        thread = threading.Thread(target=self._embed, args=arguments, name="embedding", daemon=True)
        thread.start()
        self._thread = thread

    def _remember(self, progress: EmbeddingProgress) -> None:
        self._last[progress.folder] = progress

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            # A process that has gigabytes to free takes a moment.
            threading.Thread(target=worker.close, name="close-embedding").start()

    def _process(self) -> EmbeddingWorker:
        from desktop.chat.documents.embedding_worker import EmbeddingWorker

        self._used.emit()
        with self._making:
            worker = self._worker = self._worker or EmbeddingWorker()
            return worker

    # In other threads, each with a connection of its own

    def nearest(self, database: Database, folder: str, question: str) -> Sequence[int]:
        """The ids of the passages nearest to a question; none where no embedding model answers in time.

        Raises StoreError.
        """
        from desktop.chat.documents.embedding_models import installed_model
        from desktop.documents.embeddings.nearest import has_vectors, nearest_passages

        model = installed_model()
        if model is None or not has_vectors(database, model.identity):
            return ()
        before = self.state(folder)
        try:
            vector = self._process().question(model.path, model.question(question), _QUESTION_S)
        except KnownError as error:
            self.progress.emit(replace(before, folder=folder, model=model.title, problem=error))
            return ()
        if before.problem is not None:
            self.progress.emit(replace(before, problem=None))
        return nearest_passages(database, folder, model.identity, question, vector)

    def _embed(self, folder: str, stopping: threading.Event, before: threading.Thread | None) -> None:
        from desktop.chat.documents.embedding_models import installed_model
        from desktop.chat.documents.embedding_worker import EmbeddingInterrupted

        if before is not None:
            before.join()
        state = EmbeddingProgress(folder)
        try:
            model = installed_model()
            if model is None:
                self.progress.emit(state)
                return
            state = replace(state, model=model.title)
            with suppress(EmbeddingInterrupted), closing(Database.beside(self._file)) as database:
                self._embed_with(database, model, state, stopping)
        except KnownError as error:
            self.progress.emit(replace(self.state(folder), folder=folder, model=state.model, problem=error))

    def _embed_with(
        self, database: Database, model: EmbeddingModel, state: EmbeddingProgress, stopping: threading.Event
    ) -> None:
        from desktop.documents.embeddings.run import embed_folder
        from desktop.documents.embeddings.vector_index import VectorIndex
        from desktop.documents.index_tables import make_tables

        make_tables(database)
        embed_folder(
            VectorIndex(database),
            state.folder,
            model,
            lambda text: self._process().passage(model.path, text, stopping.is_set),
            lambda ready, total: self.progress.emit(replace(state, ready=ready, total=total)),
        )
