"""Exchange, attachments and documents that read and write no file, for UI tests."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop.documents.progress import EmbeddingProgress, IndexProgress
from desktop.exchange.files import looks_importable
from desktop.exchange.outgoing import file_name
from desktop.store.instructions.precedence import InForce


class FakeExchange(QObject):
    """Takes what is asked for; nothing is written or read."""

    began = Signal()
    progressed = Signal(int, int)
    ended = Signal()
    page_made = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []
        self.is_busy = False
        self.looks_importable = looks_importable
        self.file_name = file_name

    def export(self, *arguments: object) -> None:
        self.calls.append(("export", *arguments))

    def import_files(self, *arguments: object) -> None:
        self.calls.append(("import_files", *arguments))

    def make_page(self, *arguments: object) -> None:
        self.calls.append(("make_page", *arguments))

    def stop(self) -> None:
        self.calls.append(("stop",))


class FakeAttaching(QObject):
    """Is asked to read files, and does not."""

    added = Signal(int, object)
    counted = Signal(int, int)
    ended = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[object] = []

    def restore(self, attachment: object) -> int:
        self.paths.append(attachment)
        return len(self.paths)

    def forget(self, number: int) -> None:
        pass

    def read(self, path: object) -> int:
        self.paths.append(path)
        return len(self.paths)


class FakeDocuments(QObject):
    changed = Signal()
    progress = Signal(object)
    embedding_progress = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state = IndexProgress("")
        self.embedding = EmbeddingProgress("")

    @property
    def folder(self) -> str:
        return self.state.folder

    @property
    def in_force(self) -> InForce[str]:
        return InForce(self.folder, "conversation" if self.folder else "general")

    def opened(self) -> None:
        self.changed.emit()

    def unreadable(self) -> list:
        return []

    def update(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def use_project(self) -> None:
        self.changed.emit()

    def choose(self, folder: str) -> None:
        self.state = IndexProgress(folder)
        self.changed.emit()
