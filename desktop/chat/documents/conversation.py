"""What a person can do with the documents of the open conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.chat.documents.folders import DocumentFolders
from desktop.chat.refusals import read_or, store_faults
from desktop.chat.state import Notice
from desktop.documents.cited import CitedPassage, stored_sources
from desktop.documents.progress import EmbeddingProgress, IndexProgress
from desktop.store import StoreError
from desktop.store.instructions.precedence import InForce

if TYPE_CHECKING:
    from belle.errors import KnownError
    from desktop.documents.index import IndexedFile
    from desktop.store import StoredConversation, StoredMessage


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage with the text before and after it, as far as the index has that, and the path of its file."""

    source: CitedPassage
    before: str
    after: str
    file: str


class ConversationDocuments(QObject):
    """The folder of the open conversation, or of the new one.

    Args:
        folders: every folder.
        conversation: the open conversation; None for the new one.
        notify: shows a notice.
    """

    changed = Signal()  # the folder is another
    progress = Signal(object)  # IndexProgress of this folder
    embedding_progress = Signal(object)  # EmbeddingProgress of this folder

    def __init__(
        self,
        folders: DocumentFolders,
        conversation: Callable[[], StoredConversation | None],
        notify: Callable[[Notice], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._folders, self._conversation, self._notify = folders, conversation, notify
        self._shown = ""  # the folder when it was last looked at
        folders.progress.connect(self._on_progress)
        folders.embedding.progress.connect(self._on_embedding_progress)
        folders.failed.connect(self._on_failed)

    @property
    def folder(self) -> str:
        """The path of the folder; empty for none."""
        return self.in_force.value

    @property
    def in_force(self) -> InForce[str]:
        """The path of the folder, and whether it is the conversation's own or that of its project."""
        return read_or(lambda: self._folders.folder(self._id), InForce("", "general"), self._notify)

    @property
    def state(self) -> IndexProgress:
        """How far the folder has been read."""
        return self._folders.state(self.folder)

    @property
    def embedding(self) -> EmbeddingProgress:
        """How many of its passages can be found by meaning."""
        return self._folders.embedding.state(self.folder)

    def choose(self, folder: str) -> None:
        """Give the conversation a folder, and read it; empty: no documents, also not those of its project."""
        self._choose(folder)

    def use_project(self) -> None:
        """Forget what was chosen for the conversation: it has the folder of its project."""
        self._choose(None)

    def _choose(self, folder: str | None) -> None:
        with store_faults(self._notify):
            self._folders.choose(self._id, folder)
            self._shown = self.folder
        self.changed.emit()

    def update(self) -> None:
        """Read what has changed in the folder."""
        folder = self.folder
        if folder:
            self._folders.update(folder)

    def opened(self) -> None:
        """The conversation was opened: its folder is looked through, and may be another than before."""
        self._shown = self.folder
        self.update()
        self.changed.emit()

    def follow_project(self) -> None:
        """What the conversation has from its project may have changed: another folder is looked through."""
        if self.folder != self._shown:
            self.opened()

    def stop(self) -> None:
        """Leave the folder where it is."""
        self._folders.stop()

    def unreadable(self) -> list[tuple[str, KnownError]]:
        """The documents of the folder that cannot be read, by path, and why."""
        folder = self.folder
        files: list[IndexedFile] = read_or(lambda: self._folders.files(folder), [], self._notify) if folder else []
        return [(file.path, file.problem) for file in files if file.problem is not None]

    def passage(self, message: StoredMessage, number: int) -> ShownPassage | None:
        """The passage that an answer has under this number; None where it has none."""
        folder, sources = stored_sources(message.stats) or ("", [])
        source = next((source for source in sources if source.number == number), None)
        if source is None:
            return None
        before, after = read_or(lambda: self._folders.around(folder, source), ("", ""), self._notify)
        return ShownPassage(source, before, after, str(PurePath(folder) / source.path))

    @property
    def _id(self) -> int | None:
        conversation = self._conversation()
        return conversation.id if conversation is not None else None

    def _on_failed(self, error: StoreError) -> None:
        self._notify(Notice.of_store(error))

    def _on_progress(self, progress: IndexProgress) -> None:
        if self._is_about_this(progress.folder):
            self.progress.emit(progress)

    def _on_embedding_progress(self, progress: EmbeddingProgress) -> None:
        if self._is_about_this(progress.folder):
            self.embedding_progress.emit(progress)

    def _is_about_this(self, folder: str) -> bool:
        # Qt still delivers what other threads emitted before `close`, when the store is closed.
        return not self._folders.is_closed and folder == self.folder
