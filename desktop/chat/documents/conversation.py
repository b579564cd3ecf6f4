"""What a person can do with the documents of the open conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal

from desktop.chat.documents.folders import DocumentFolders
from desktop.chat.refusals import store_faults
from desktop.chat.state import Notice
from desktop.documents.progress import IndexProgress
from desktop.store import StoreError

if TYPE_CHECKING:
    from desktop.documents.index import IndexedFile
    from desktop.store import StoredConversation

_Read = TypeVar("_Read")


class ConversationDocuments(QObject):
    """The folder of the open conversation, or of the new one.

    Args:
        folders: every folder.
        conversation: the open conversation; None for the new one.
        notify: shows a notice.
    """

    changed = Signal()  # the folder is another
    progress = Signal(object)  # IndexProgress of this folder

    def __init__(
        self,
        folders: DocumentFolders,
        conversation: Callable[[], StoredConversation | None],
        notify: Callable[[Notice], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._folders, self._conversation, self._notify = folders, conversation, notify
        folders.progress.connect(self._on_progress)
        folders.failed.connect(lambda error: notify(Notice.of_store(error)))

    @property
    def folder(self) -> str:
        """The path of the folder; empty for none."""
        return self._read(lambda: self._folders.folder(self._id), "")

    @property
    def state(self) -> IndexProgress:
        """How far the folder has been read."""
        return self._folders.state(self.folder)

    def choose(self, folder: str) -> None:
        """Give the conversation a folder, and read it; empty: take it away."""
        with store_faults(self._notify):
            self._folders.choose(self._id, folder)
        self.changed.emit()

    def update(self) -> None:
        """Read what has changed in the folder."""
        folder = self.folder
        if folder:
            self._folders.update(folder)

    def stop(self) -> None:
        """Leave the folder where it is."""
        self._folders.stop()

    def files(self) -> list[IndexedFile]:
        """The documents of the folder, as far as they are known."""
        folder = self.folder
        return self._read(lambda: self._folders.files(folder), []) if folder else []

    def _read(self, read: Callable[[], _Read], default: _Read) -> _Read:
        try:
            return read()
        except StoreError as error:
            self._notify(Notice.of_store(error))
            return default

    @property
    def _id(self) -> int | None:
        conversation = self._conversation()
        return conversation.id if conversation is not None else None

    def _on_progress(self, progress: IndexProgress) -> None:
        if progress.folder == self.folder:
            self.progress.emit(progress)
