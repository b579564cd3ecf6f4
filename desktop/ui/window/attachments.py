"""The files that go along with the next question: chips above the composer, one for each, and how they get there."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.pictures.kinds import is_picture
from desktop.ui import numbers
from desktop.ui.announce import announce
from desktop.ui.composer_items import ComposerItems
from desktop.ui.foreign_text import set_tooltip, shortened
from desktop.ui.style.controls import ElidedLabel, IconButton, View
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.files.attaching import Attaching
    from desktop.store.records import StoredAttachment
    from desktop.ui.window.layout import WindowLayout

MAX_FILES = 5
"""Of one question; a row for more would leave no room for the conversation in a small window."""
_FOLDER = "window/attachment_folder"
_READING = "attachment-reading"
"""Key of the notice that a question has to wait for its files."""
_OF_MODELS = (".gguf", ".bin", ".safetensors", ".pt", ".pth")


def is_attachable(path: str) -> bool:
    """Whether a dropped file is to go along with a question: it is neither a folder nor, by its name, a model."""
    return not Path(path).is_dir() and Path(path).suffix.lower() not in _OF_MODELS


class AttachmentChip(View):
    """One file: its name, its size, what it costs, and a button that takes it away."""

    accessible_role = "Grouping"
    removed = Signal()

    def __init__(self, attachment: StoredAttachment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.attachment = attachment
        self._tokens: int | None = None
        self._label = ElidedLabel(self)
        self._label.setProperty("role", "muted")
        self.remove_button = IconButton("x", "ink-3", parent=self)
        self.remove_button.clicked.connect(self.removed)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self._label, 1)
        self._row.addWidget(self.remove_button)
        self.ready()

    def set_tokens(self, tokens: int) -> None:
        """Show what the file costs of the context."""
        self._tokens = tokens
        self.retranslate()

    def text(self) -> str:
        """The words of the chip."""
        return self._label.whole_text()

    def retranslate(self) -> None:
        """The texts in the present language."""
        parts = [shortened(self.attachment.name), numbers.size(self.attachment.size)]
        if self._tokens is not None:
            one, many = translate("Attachments", "1 token"), translate("Attachments", "{n} tokens")
            parts.append(numbers.counted(self._tokens, one, many))
        if self.attachment.n_cut:
            one = translate("Attachments", "the last character is left out")
            many = translate("Attachments", "the last {n} characters are left out")
            parts.append(numbers.counted(self.attachment.n_cut, one, many))
        self._label.set_text(" · ".join(parts))
        set_tooltip(self, self.attachment.name)  # the label's own is the whole line, where it is cut off
        self.setAccessibleName(self.text())
        self.remove_button.name(translate("Attachments", "Do not attach this file"))

    def restyle(self) -> None:
        """Distances."""
        self._row.setContentsMargins(theme().space(3), 0, 0, 0)
        self._row.setSpacing(theme().space(1))


class WindowAttachments(ComposerItems[AttachmentChip]):
    """Which files are attached in which conversation: shown above the composer of the open one, kept with its draft.

    `pictures_chosen` has the paths of those that are pictures: they go their own way.

    Args:
        window: where the chips are shown.
        controller: who reads the files.
    """

    pictures_chosen = Signal(list)

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window, controller, _READING)
        window.composer.attach_requested.connect(self.choose)
        self._opened()

    @cached_property
    def _attaching(self) -> Attaching:
        """Who reads files; made and connected at the first use."""
        attaching = self._controller.attaching
        attaching.added.connect(self._add)
        attaching.counted.connect(self._count)
        attaching.ended.connect(self._ended)
        return attaching

    def files(self) -> tuple[StoredAttachment, ...]:
        """Those that go along with the next question of the open conversation."""
        return tuple(chip.attachment for chip in self._shown())

    def refuses_to_send(self) -> bool:
        """Whether a file for the next question of the open conversation is still being read; that is said."""
        from desktop.chat.state import Notice

        if not self._is_reading():
            return False
        self._controller.notice.emit(Notice("attach_reading", "info", {}, (), _READING))
        return True

    def choose(self) -> None:
        """Ask for files."""
        from desktop.ui.file_dialog import Mode, file_dialog

        folder = str(self._window.settings.value(_FOLDER, "") or Path.home())
        title = translate("Attachments", "Attach files")
        dialog = file_dialog(self._window, title, Mode.ExistingFiles, folder=folder)
        dialog.filesSelected.connect(self.attach)
        dialog.open()

    def attach(self, paths: list[str]) -> None:
        """Read files, and show a chip for each that can go along; of too many files the first."""
        if pictures := [path for path in paths if is_picture(path)]:
            self._window.settings.set_value(_FOLDER, str(Path(pictures[0]).parent))
            self.pictures_chosen.emit(pictures)
            paths = [path for path in paths if path not in pictures]
        room = max(0, MAX_FILES - len(self._open()))
        for path in paths[:room]:
            self._window.settings.set_value(_FOLDER, str(Path(path).parent))
            self._conversation_of[self._attaching.read(Path(path))] = self._open_id()
        if len(paths) > room:
            self._refuse(len(paths) - room)

    def _refuse(self, number: int) -> None:
        from desktop.chat.state import Notice

        details = {"number": number, "most": MAX_FILES}
        self._controller.notice.emit(Notice("attach_too_many", "warn", details, (), "attachment"))

    def _restore(self, conversation_id: int | None) -> None:
        for attachment in self._controller.drafting.attachments(conversation_id):
            self._add_chip(conversation_id, self._attaching.restore(attachment), attachment)

    def _add(self, number: int, attachment: StoredAttachment) -> None:
        # The chat may have been left while the file was read.
        conversation_id = self._conversation_of[number]
        if len(self._items.setdefault(conversation_id, {})) == MAX_FILES:  # others were added while it was read
            self._refuse(1)
            return
        self._add_chip(conversation_id, number, attachment)
        name = shortened(attachment.name)
        announce(self._window, translate("Attachments", "Attached: {names}").format(names=name))
        self._save(conversation_id)
        self._show()

    def _add_chip(self, conversation_id: int | None, number: int, attachment: StoredAttachment) -> None:
        chip = AttachmentChip(attachment)
        chip.removed.connect(lambda: self._remove(number))
        self._insert(conversation_id, number, chip)

    def _make_bar(self) -> tuple[QWidget, QVBoxLayout]:
        bar = QWidget()
        column = QVBoxLayout(bar)
        column.setContentsMargins(0, 0, 0, 0)
        return bar, column

    def _forget(self, number: int) -> None:
        self._attaching.forget(number)

    def _save(self, conversation_id: int | None) -> None:
        chips = sorted(self._items[conversation_id].items())
        self._controller.drafting.set_attachments(conversation_id, tuple(chip.attachment for _, chip in chips))

    def _count(self, number: int, tokens: int) -> None:
        if chip := self._item(number):
            chip.set_tokens(tokens)
