"""Export and import of conversations in a thread beside the window, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from belle.errors import KnownError
from desktop.chat.state import EXCHANGE, Level, Notice
from desktop.chat.titles import title_of
from desktop.exchange.files import looks_importable
from desktop.exchange.html_page import print_page
from desktop.exchange.importing import ImportReport, import_conversations
from desktop.exchange.outgoing import export, file_name
from desktop.exchange.words import ExportWords
from desktop.pictures.reader_process import read_picture
from desktop.store import ConversationTree, Store, StoreError
from desktop.store.records import StoredPicture


class Exchange(QObject):
    """Reads and writes files of conversations.

    Args:
        store: whose conversations they are.
        save: brings the store up to date with what is on the screen.
    """

    began = Signal()
    progressed = Signal(int, int)  # done, how many there are; 0: not known
    ended = Signal()
    imported = Signal()  # conversations came in
    page_made = Signal(str)  # HTML for a printer
    notice = Signal(object)

    def __init__(self, store: Store, save: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._save = store, save
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.newest_import = 0
        """The id of the conversation that came in last."""

    @property
    def is_busy(self) -> bool:
        """Something is being exported or imported."""
        return self._thread is not None

    def export(self, path: Path, words: ExportWords, conversation_id: int | None = None) -> None:
        """Write one conversation, or all, to a file in the format of its ending; `.pdf` is one, too."""
        self._run(lambda store: self._export(store, path, words, conversation_id))

    def make_page(self, words: ExportWords, conversation_id: int) -> None:
        """Make a page for a printer of a conversation; `page_made` brings it."""
        self._run(lambda store: self.page_made.emit(print_page([_whole(store, conversation_id)], words)))

    def import_files(self, paths: Sequence[Path]) -> None:
        """Bring in the conversations of files and folders."""
        self._run(lambda store: self._import(store, paths))

    def stop(self) -> None:
        """End what is under way; what has come in stays, and no half file is left."""
        self._stop.set()

    def close(self) -> None:
        """End what is under way, and wait until it has ended."""
        self.blockSignals(True)
        self._stop.set()
        thread = self._thread  # which clears the attribute as it ends
        if thread is not None:
            thread.join()

    def looks_importable(self, path: Path) -> bool:
        """Whether a file that was dropped may hold conversations, by its name."""
        return looks_importable(path)

    def file_name(self, title: str) -> str:
        """A name without ending for the file of a conversation."""
        return file_name(title)

    # In the thread

    def _run(self, work: Callable[[Store], object]) -> None:
        if self._thread is not None:
            return
        self._save()
        self._stop.clear()
        open_beside = self._store.beside()
        self._thread = threading.Thread(target=self._work, args=(open_beside, work), name="exchange", daemon=True)
        self.began.emit()
        self._thread.start()

    def _work(self, open_beside: Callable[[], Store], work: Callable[[Store], object]) -> None:
        try:
            with open_beside() as store:
                work(store)
        except _Stopped:
            pass
        except StoreError as error:
            self.notice.emit(Notice.of_store(error))
        finally:
            self._thread = None
            self.ended.emit()

    def _export(self, store: Store, path: Path, words: ExportWords, conversation_id: int | None) -> None:
        every = store.conversations(limit=1 << 40) if conversation_id is None else []
        ids = [row.id for row in every] if conversation_id is None else [conversation_id]
        try:
            self._write(self._trees(store, ids), path, words)
        except StoreError:
            raise
        except KnownError as error:
            kind = "export_disk_full" if error.kind == "disk_full" else "export_failed"
            details = {"message": error.message, "advice": error.advice, "file": str(path)}
            self.notice.emit(Notice(kind, "bad", details, (), EXCHANGE))
        else:
            self.notice.emit(Notice("exported", "info", {"file": str(path), "n": len(ids)}, (), EXCHANGE))

    def _trees(self, store: Store, ids: Sequence[int]) -> Iterator[ConversationTree]:
        for number, conversation_id in enumerate(ids, start=1):
            if self._stop.is_set():
                raise _Stopped
            yield _whole(store, conversation_id)
            self.progressed.emit(number, len(ids))

    def _write(self, trees: Iterator[ConversationTree], path: Path, words: ExportWords) -> None:
        if path.suffix.lower() != ".pdf":
            export(trees, path, words)
            return
        from desktop.chat.files.pdf import write_pdf

        write_pdf(print_page(trees, words), path)

    def _import(self, store: Store, paths: Sequence[Path]) -> None:
        def goes_on(n_done: int) -> bool:
            self.progressed.emit(n_done, 0)
            return not self._stop.is_set()

        report = import_conversations(store, paths, title_of=title_of, redraw=_redrawn, goes_on=goes_on)
        if report.added:
            self.newest_import = report.added[-1]
            self.imported.emit()
        self.notice.emit(_of_import(report))


def _whole(store: Store, conversation_id: int) -> ConversationTree:
    return store.with_picture_data(store.tree(conversation_id))


def _redrawn(picture: StoredPicture) -> StoredPicture | None:
    """An imported picture, decoded by a process of its own, as one that is attached; None where it cannot be."""
    try:
        drawn = read_picture(picture.data, picture.name).picture
    except KnownError:
        return None
    source = drawn if drawn.source_width else picture
    return replace(drawn, text=picture.text, source_width=source.source_width, source_height=source.source_height)


class _Stopped(Exception):  # noqa: N818 - caught in this module alone
    """The person has ended it."""


def _of_import(report: ImportReport) -> Notice:
    details = {
        "n_added": len(report.added),
        "n_known": report.n_known,
        "left_out": dict(+report.left_out),
        "faults": [{"kind": f.kind, "message": f.message, "advice": f.advice, **f.details} for f in report.faults],
        "stopped": report.stopped,
        "message": " ".join(str(fault) for fault in report.faults),
    }
    level: Level = "bad" if report.faults and not report.added else "warn" if report.faults else "info"
    return Notice("imported", level, details, ("open_imported",) if report.added else (), EXCHANGE)
