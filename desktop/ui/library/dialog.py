"""The window of the library: five lists of models, importing, and where downloads come from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QWidget

from belle.errors import KnownError
from desktop.i18n import translate
from desktop.library.library import ENDPOINT, Library, kind_of
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.file_dialog import choose_file, choose_folder
from desktop.ui.foreign_text import caption, shortened
from desktop.ui.library import words
from desktop.ui.library.asking import ConfirmDialog, GetDialog, SourceDialog
from desktop.ui.library.line import ModelLine
from desktop.ui.links import open_local
from desktop.ui.style.controls import Segments, label, set_style_property

if TYPE_CHECKING:
    from desktop.chat.state import ModelState
    from desktop.library.entries import LibraryEntry
    from desktop.library.jobs import JobState
    from desktop.settings import Settings

SECTIONS = ("installed", "small", "belle", "speech", "found")


class LibraryDialog(Dialog):
    """All models. It is not modal: a download goes on while one chats, and when this window is closed.

    `chosen` and `comparison_requested` have what `ProjectControl.choose_model` takes, `details_requested` a
    `LibraryEntry`.
    """

    chosen = Signal(str)
    comparison_requested = Signal(str)
    details_requested = Signal(object)

    def __init__(
        self,
        library: Library,
        settings: Settings,
        current: Callable[[], str],
        parent: QWidget | None = None,
        *,
        section: str = "installed",
    ) -> None:
        super().__init__(parent, width=720, height=460)
        self.setModal(False)
        self.setAcceptDrops(True)
        self._library, self._settings, self._current = library, settings, current
        self.lines: dict[str, ModelLine] = {}
        self._entries: list[LibraryEntry] = []
        self.tabs = Segments(SECTIONS)
        self.tabs.set_value(section)
        self.tabs.chosen.connect(lambda _: self._rebuild())
        row = QHBoxLayout()
        row.addWidget(self.tabs)
        row.addStretch(1)
        self._whole.insertLayout(1, row)
        self._free = label("quiet", wrap=True)
        self.message = label("small", wrap=True)
        self.message.hide()
        self.stop_button = QPushButton()
        self.stop_button.setProperty("kind", "link")
        self.stop_button.setAutoDefault(False)
        self.stop_button.clicked.connect(self._stop_import)
        self.stop_button.hide()
        self._importing = ""  # the file or folder whose job runs
        news = QHBoxLayout()
        news.addWidget(self.message, 1)
        news.addWidget(self.stop_button)
        self._whole.insertLayout(2, news)
        self._nothing: QLabel = self.paragraph()
        self.body.addStretch(1)
        self.import_button = QPushButton()
        self.import_button.setAutoDefault(False)
        self.import_menu = QMenu(self.import_button)
        for kind in ("gguf", "folder", "checkpoint", "adapter"):
            self.import_menu.addAction("").triggered.connect(partial(self._import, kind))
        self.import_button.setMenu(self.import_menu)
        self.source_button = QPushButton()
        self.source_button.setProperty("kind", "link")
        self.source_button.setAutoDefault(False)
        self.source_button.clicked.connect(self._choose_source)
        self.buttons.insertWidget(0, self.import_button)
        self.buttons.insertWidget(1, self.source_button)
        self._whole.insertWidget(self._whole.count() - 1, self._free)
        self.add_close_button()
        library.changed.connect(self.reload)
        library.job_changed.connect(self._show_job)
        self.ready()
        self.reload()
        library.look_around()

    # What is shown

    def follow_model(self, state: ModelState) -> None:
        """Show which model is in use."""
        if state.status != "loading":
            self.reload()

    def reload(self) -> None:
        """Read the lines again."""
        try:
            self._entries = self._library.entries()
        except KnownError as error:
            self._entries = []
            self.show_message(words.fault(error), "bad")
        self._rebuild()

    def _rebuild(self) -> None:
        section = self.tabs.value()
        shown = [entry for entry in self._entries if entry.section == section]
        refs = [entry.ref for entry in shown]
        if refs != list(self.lines):
            for line in self.lines.values():
                line.hide()
                line.deleteLater()
            self.lines = {}
            for at, entry in enumerate(shown):
                line = self.lines[entry.ref] = ModelLine(entry)
                line.acted.connect(partial(self._act, entry.ref))
                self.body.insertWidget(at, line)
        for entry in shown:
            job = self._library.job(entry.ref)
            in_use = self._settings.speech_model if entry.is_speech else self._current()
            self.lines[entry.ref].show_entry(entry, job, current=entry.ref == in_use)
        self._nothing.setVisible(not shown)
        self._nothing.setText(words.empty_section(section))
        self._show_free()

    def _show_job(self, state: JobState) -> None:
        """Show a job in the line of its model; that of a file without one below the tabs."""
        line = self.lines.get(state.ref)
        if line is not None:
            line.show_job(self._library.job(state.ref))
            return
        if state.outcome == "running":
            self._importing = state.ref
            self.show_message(f"{shortened(Path(state.ref).name)}: {words.progress(state)}", "")
        elif state.error is not None:
            self.show_message(words.fault(state.error), "bad")
        elif state.outcome == "done":
            self.show_message(translate("Library", "{name} is ready.").format(name=Path(state.ref).name), "")
        else:
            self.show_message("", "")
        self.stop_button.setVisible(state.outcome == "running")

    def show_message(self, text: str, level: str) -> None:
        """Show a line below the tabs."""
        self.message.setText(text)
        self.message.setVisible(bool(text))
        set_style_property(self.message, "level", level)

    def _show_free(self) -> None:
        fits = [entry.fit for entry in self._entries if entry.fit is not None]
        self._free.setVisible(bool(fits))
        if fits:
            self._free.setText(
                translate("Library", "This computer has {memory} of memory free, and {disk} of disk.").format(
                    memory=numbers.size(fits[0].memory_free), disk=numbers.size(fits[0].disk_free)
                )
            )

    # What a person does

    def _stop_import(self) -> None:
        self._library.stop(self._importing)

    def _act(self, ref: str, action: str) -> None:
        entry = self.lines[ref].entry
        {
            "get": self._get,
            "pause": lambda one: self._library.stop(one.ref),
            "cancel": self._cancel,
            "use": self._use,
            "compare": lambda one: self.comparison_requested.emit(one.ref),
            "add": self._add,
            "copy": lambda one: self._library.copy_in(Path(one.ref)),
            "folder": _show_in_folder,
            "delete": self._delete,
            "details": self.details_requested.emit,
        }[action](entry)

    def _use(self, entry: LibraryEntry) -> None:
        if entry.is_speech:
            self._settings.set_speech_model(entry.ref)
            self._rebuild()
        else:
            self.chosen.emit(entry.ref)

    def _get(self, entry: LibraryEntry) -> None:
        if entry.status == "begun" and not entry.needs_llama:
            self._library.get(entry.name)
            return
        dialog = GetDialog(entry, self._settings, self)
        dialog.accepted.connect(lambda: self._library.get(entry.name))
        dialog.open()

    def _cancel(self, entry: LibraryEntry) -> None:
        """Stop a job, and delete what has arrived."""
        is_copy = self.lines[entry.ref].is_running and entry.section not in ("small", "belle", "speech")
        self._library.stop(entry.ref)
        if is_copy:
            return
        dialog = ConfirmDialog(
            translate("Library", "Cancel {name}?").format(name=shortened(entry.title)),
            translate("Library", "What has arrived is deleted. To go on later instead, keep it."),
            translate("Library", "Delete what has arrived"),
            translate("Library", "Keep it"),
            self,
        )
        dialog.accepted.connect(lambda: self._library.discard(entry.name))
        dialog.open()

    def _add(self, entry: LibraryEntry) -> None:
        self._take_file(Path(entry.ref), entry.title)

    def _delete(self, entry: LibraryEntry) -> None:
        try:
            removal = self._library.removal(entry)
        except KnownError as error:
            self.show_message(words.fault(error), "bad")
            return
        if removal.files:
            text = translate("Library", "Its file is deleted, which frees {size} of disk.").format(
                size=numbers.size(removal.n_bytes)
            )
            button = translate("Library", "Delete")
        else:
            text = translate("Library", "It is only taken off the list. Its file stays: {path}").format(
                path=removal.kept or entry.path
            )
            button = translate("Library", "Take off the list")
        title = translate("Library", "Delete {name}?").format(name=shortened(entry.title))
        dialog = ConfirmDialog(title, text, button, translate("Library", "Keep it"), self)
        dialog.accepted.connect(lambda: self._try(lambda: self._library.remove(removal)))
        dialog.open()

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except KnownError as error:
            self.show_message(words.fault(error), "bad")

    def _choose_source(self) -> None:
        dialog = SourceDialog(self._settings, self)
        dialog.finished.connect(lambda _: self.retranslate())
        dialog.open()

    # Importing

    def _import(self, kind: str) -> None:
        if kind == "gguf":
            pattern = translate("Library", "Models (*.gguf *.bin)")
            choose_file(self, translate("Library", "A model file"), pattern, self.take)
        elif kind == "checkpoint":
            pattern = translate("Library", "Checkpoints (*.pt *.pth *.bin *.safetensors)")
            choose_file(self, translate("Library", "A checkpoint"), pattern, self.take)
        else:
            choose_folder(self, translate("Library", "A folder"), self.take)

    def take(self, path: Path) -> None:
        """Import what was chosen or dropped: a model file, a checkpoint, or a LoRA adapter, whose base is asked for."""
        kind = kind_of(path)
        if kind == "model":
            self._take_file(path)
        elif kind == "adapter":
            title = translate("Library", "The base model of this adapter")
            choose_folder(self, title, lambda base: self._library.convert(base, path))
        else:
            self._library.convert(path)

    def _take_file(self, path: Path, title: str = "") -> None:
        try:
            same = self._library.add(path, title)
        except KnownError as error:
            self.show_message(words.fault(error), "bad")
            return
        if same is not None:
            text = translate("Library", "The same model is here already: {path}").format(path=same)
            self.show_message(text, "warn")
            return
        name = title or path.name
        self.show_message(translate("Library", "{name} is on the list now.").format(name=name), "")
        is_speech = any(entry.path == path for entry in self._entries if entry.is_speech)
        self.tabs.set_value("speech" if is_speech else "installed")
        self._rebuild()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped."""
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.take(Path(url.toLocalFile()))

    # Texts

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Library", "Models"))
        self.tabs.set_texts(translate("Library", "Lists"), [words.section_title(section) for section in SECTIONS])
        self.import_button.setText(translate("Library", "Import…"))
        self.stop_button.setText(translate("Library", "Stop"))
        for action, text in zip(
            self.import_menu.actions(),
            (
                translate("Library", "A model file (GGUF)…"),
                translate("Library", "A checkpoint's folder…"),
                translate("Library", "A checkpoint's file (.pt, .bin)…"),
                translate("Library", "A LoRA adapter's folder…"),
            ),
            strict=True,
        ):
            action.setText(text)
        source = str(self._settings.value(ENDPOINT) or "") or "https://huggingface.co"
        text = translate("Library", "Downloads come from {source}").format(source=source.split("://")[-1])
        self.source_button.setText(caption(text))
        self.source_button.setAccessibleName(text)
        self._rebuild()


def _show_in_folder(entry: LibraryEntry) -> None:
    if entry.path is not None:
        open_local(entry.path.parent)
