"""Reads pictures that are to go along with a question, and the text in them, in threads and processes of their own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from belle.engine.process.commands import Count, DescribePicture
from belle.engine.process.events import Counted, Event, PictureDescribed
from belle.errors import KnownError
from belle.ocr import reading as ocr
from belle.prompts import Message
from desktop.chat.model_host import ModelHost
from desktop.chat.pictures.files import PictureFiles
from desktop.chat.prompt_path import with_attachments
from desktop.chat.refusals import store_faults
from desktop.chat.state import Notice
from desktop.pictures.reader_process import ReadPicture, read_picture, read_picture_file
from desktop.store.records import StoredPicture

_FIRST_ID = 3 << 29  # of a request: apart from those of answers and of attached files


class PictureReading(QObject):
    """Pictures on their way to the composer. Each that is read ends in `added` or `notice`, and then in `ended`.

    Args:
        host: of the model that counts, and may see.
        files: for a model that sees.
    """

    added = Signal(int, object, int)  # number, StoredPicture, how many pictures its file had
    ended = Signal(int)  # number
    text_read = Signal(int, str)  # number, the text in the picture
    text_failed = Signal(int, object)  # number, KnownError
    counted = Signal(int, int)  # number, tokens
    sight_changed = Signal()
    notice = Signal(object)

    def __init__(self, host: ModelHost, files: PictureFiles, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host, self._files = host, files
        self._counted_by = host.state.info
        self._numbers = itertools.count(_FIRST_ID)
        self._stops: dict[int, threading.Event] = {}
        self._one_at_a_time = threading.Lock()  # reading text takes all cores
        host.answer_event.connect(self._on_event)
        host.state_changed.connect(lambda _: self._model_changed())

    @property
    def sees(self) -> bool | None:
        """Whether the model sees pictures; None while there is none."""
        info = self._host.state.info
        return info.sees if info is not None else None

    @property
    def can_read_text(self) -> bool:
        """Whether what reads text in pictures is installed."""
        return ocr.is_installed()

    @property
    def install_command(self) -> str:
        """What a person types to get it."""
        return ocr.install_command()

    def read(self, path: Path) -> int:
        """Read a file. Returns the number that it has in the signals."""
        return self._start(lambda: read_picture_file(path), path.name)

    def read_content(self, content: bytes, name: str) -> int:
        """Read the content of a file, such as of the clipboard. Returns its number."""
        return self._start(lambda: read_picture(content, name), name)

    def number(self) -> int:
        """The number of a picture that was read in an earlier run."""
        return next(self._numbers)

    def read_text(self, number: int, content: bytes) -> None:
        """Read the text in a picture; ends in `text_read` or `text_failed`, unless it is stopped."""
        stop = self._stops[number] = threading.Event()
        self._thread(lambda: self._read_text(number, content, stop))

    def forget(self, number: int) -> None:
        """A picture was sent, or taken away: reading its text ends."""
        stop = self._stops.pop(number, None)
        if stop is not None:
            stop.set()

    def close(self) -> None:
        """End what is under way."""
        self.blockSignals(True)
        for number in list(self._stops):
            self.forget(number)

    def count(self, number: int, picture: StoredPicture) -> None:
        """Have the engine say what a picture, or the text in it, costs; ends in `counted` where there is a model."""
        state = self._host.state
        if state.status != "ready" or state.info is None or state.info.template is None:
            return
        if not state.info.sees:
            self._host.count(Count(number, (Message("user", with_attachments("", (), (picture,))),)))
            return
        with store_faults(self.notice.emit):
            self._host.describe_picture(DescribePicture(number, self._files.ref(picture).path))

    def _start(self, read: Callable[[], ReadPicture], name: str) -> int:
        number = next(self._numbers)
        self._thread(lambda: self._read(number, read, name))
        return number

    def _thread(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="picture", daemon=True).start()

    def _read(self, number: int, read: Callable[[], ReadPicture], name: str) -> None:
        try:
            result = read()
        except KnownError as error:
            details = {**error.details, "message": error.message, "advice": error.advice, "name": name}
            self.notice.emit(Notice(_notice_kind(error.kind), "bad", details, (), f"picture-{name}"))
        else:
            self.added.emit(number, result.picture, result.n_frames)
        finally:
            self.ended.emit(number)

    def _read_text(self, number: int, content: bytes, stop: threading.Event) -> None:
        try:
            with self._one_at_a_time:
                text = ocr.read_text(content, stopped=stop.is_set) if not stop.is_set() else ""
        except ocr.OcrStopped:
            return
        except KnownError as error:
            self.text_failed.emit(number, error)
        else:
            if not stop.is_set():
                self.text_read.emit(number, text)

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Counted | PictureDescribed) or event.id < _FIRST_ID:
            return
        if event.tokens is not None:
            self.counted.emit(event.id, event.tokens)

    def _model_changed(self) -> None:
        """Another model sees, or does not, and counts otherwise."""
        info = self._host.state.info
        if info != self._counted_by:
            self._counted_by = info
            self.sight_changed.emit()


def _notice_kind(kind: str) -> str:
    """The kind of a notice: an error of a path is that of an attached file."""
    if kind == "file_too_large":
        return "picture_oversized"
    return kind if "picture" in kind else f"attach_{kind}"
