"""What becomes of files that are dropped on the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.ui.voice.dictating import is_audio
from desktop.ui.window.attachments import is_attachable

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.ui.voice.dictating import WindowDictation
    from desktop.ui.window.attachments import WindowAttachments
    from desktop.ui.window.exchange_dialogs import ExchangeDialogs
    from desktop.ui.window.reader import ReaderMode


class DroppedFiles:
    """One file is imported, attached or loaded, by what its name says; of several those are attached that can be.

    What is said in recordings is written down.

    Args:
        controller: loads models and says what was left out.
        exchange: offers to import.
        attachments: where files are attached; `reader` hides it.
        dictation: writes recordings down.
    """

    def __init__(
        self,
        controller: ChatController,
        exchange: ExchangeDialogs,
        attachments: WindowAttachments,
        reader: ReaderMode,
        dictation: WindowDictation,
    ) -> None:
        self._controller, self._exchange = controller, exchange
        self._attachments, self._reader = attachments, reader
        self._dictation = dictation

    def takes(self, paths: list[str]) -> bool:
        """Whether anything would become of them."""
        return len(paths) == 1 or any(map(is_attachable, paths))

    def open(self, paths: list[str]) -> None:
        """Do it."""
        recordings = [path for path in paths if is_audio(path)]
        if recordings:
            self._reader.leave()  # the text is shown in the composer
            self._dictation.transcribe(recordings)
            paths = [path for path in paths if path not in recordings]
        if paths:
            self._open_others(paths)

    def _open_others(self, paths: list[str]) -> None:
        files = [path for path in paths if is_attachable(path)]
        if len(paths) == 1 and self._exchange.takes(paths[0]):
            self._exchange.offer_import(paths[0])
        elif len(paths) == 1 and not files:
            self._controller.projects.choose_model(paths[0])
        else:
            self._reader.leave()  # the files are shown above the composer
            self._attachments.attach(files)
            if len(files) < len(paths):
                self._say_left_out(len(paths) - len(files))

    def _say_left_out(self, number: int) -> None:
        from desktop.chat.state import Notice

        self._controller.notice.emit(Notice("dropped_one_by_one", "warn", {"number": number}, (), "dropped"))
