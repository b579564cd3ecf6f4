"""Reads files that are to go along with a question, in a thread, and has the engine count what they cost."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from belle.engine.process.commands import Count
from belle.engine.process.events import Counted, Event, ModelInfo
from belle.errors import KnownError
from belle.prompts import Message
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import with_attachments
from desktop.chat.state import Notice
from desktop.documents.reader_process import ReaderProcess
from desktop.store.records import StoredAttachment

MAX_CHARACTERS = 200_000
"""Of the text of one file; few models hold as much."""
_FIRST_ID = 1 << 30  # of a request: those of the answers count up from 1


class Attaching(QObject):
    """Files on their way to the composer. Each file that is `read` ends in `added` or `notice`, and then in `ended`."""

    added = Signal(int, object)  # number, StoredAttachment
    ended = Signal(int)  # number
    counted = Signal(int, int)  # number, tokens
    notice = Signal(object)

    def __init__(self, host: ModelHost, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._numbers = itertools.count(_FIRST_ID)
        self._files: dict[int, StoredAttachment] = {}  # by number, until they are sent or taken away
        self._counted_by: ModelInfo | None = None
        self.added.connect(self._count)
        host.answer_event.connect(self._on_event)
        host.state_changed.connect(lambda _: self._model_changed())

    def read(self, path: Path) -> int:
        """Read a file beside the window. Returns the number that it has in `added` and `counted`."""
        number = next(self._numbers)
        threading.Thread(target=self._read, args=(path, number), name="attach", daemon=True).start()
        return number

    def restore(self, attachment: StoredAttachment) -> int:
        """Take a file that was read in an earlier run. Returns the number that it has in `counted`."""
        number = next(self._numbers)
        self._count(number, attachment)
        return number

    def forget(self, number: int) -> None:
        """A file was sent, or taken away: it is not counted any more."""
        self._files.pop(number, None)

    def _read(self, path: Path, number: int) -> None:
        try:
            with ReaderProcess() as reader:
                text = "\n\n".join(block.text for block in reader.blocks(path))
            size = path.stat().st_size
        except KnownError as error:
            details = {"message": error.message, "advice": error.advice, "path": str(path)}
            self.notice.emit(Notice(f"attach_{error.kind}", "bad", details, (), _key(path)))
        except OSError as error:
            details = {"message": str(error), "path": str(path)}
            self.notice.emit(Notice("attach_damaged_document", "bad", details, (), _key(path)))
        else:
            n_cut = max(0, len(text) - MAX_CHARACTERS)
            self.added.emit(number, StoredAttachment(path.name, size, text[:MAX_CHARACTERS], n_cut))
        finally:
            self.ended.emit(number)

    def _count(self, number: int, attachment: StoredAttachment) -> None:
        self._files[number] = attachment
        if self._model() is not None:
            self._host.count(Count(number, (Message("user", with_attachments("", (attachment,))),)))

    def _model_changed(self) -> None:
        """Count again: another model, or another template, has other tokens."""
        model = self._model()
        if model != self._counted_by:
            self._counted_by = model
            for number, attachment in self._files.items():
                self._count(number, attachment)

    def _model(self) -> ModelInfo | None:
        """The model that can count; None while there is none."""
        state = self._host.state
        can = state.status == "ready" and state.info is not None and state.info.template is not None
        return state.info if can else None

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Counted) and event.id in self._files:
            self.counted.emit(event.id, event.tokens)


def _key(path: Path) -> str:
    """Of a notice about a file: those about others that were attached with it stay."""
    return f"attachment-{path}"
