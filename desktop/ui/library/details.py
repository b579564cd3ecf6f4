"""Everything about one model file: what it is, what it needs, which template it is talked to in, why no GPU is used."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from belle.errors import KnownError
from desktop.i18n import translate
from desktop.library.contents import full_digest
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.doctor import Examination
from desktop.ui.dialogs.doctor_labels import problem_sentence
from desktop.ui.library import words
from desktop.ui.library.model_settings import ModelSettingsForm
from desktop.ui.style.controls import SELECTABLE, Segments, label
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from pathlib import Path

    from belle.doctor import DoctorReport
    from desktop.library.entries import LibraryEntry
    from desktop.library.library import Library
    from desktop.model_settings import LoadSettings
    from desktop.settings import Settings


PAGES = ("file", "load", "answers")
"""The file itself, what it is loaded with, and how it answers."""


class WholeFileCheck(QObject):
    """Computes the SHA-256 of a whole file in a thread. `read` has the percent done, `done` the digest or an error."""

    read = Signal(int)
    done = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()

    def start(self, path: Path) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, args=(path,), name="digest", daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()

    def _run(self, path: Path) -> None:
        percent = -1

        def follow(done: int, total: int) -> None:
            nonlocal percent
            if self._stop.is_set():
                raise InterruptedError
            if (now := 100 * done // max(1, total)) != percent:
                percent = now
                self.read.emit(now)

        with suppress(RuntimeError, InterruptedError):  # the dialog is closed
            try:
                self.done.emit(full_digest(path, follow), True)
            except KnownError as error:
                self.done.emit(words.fault(error), False)


class ModelDetailsDialog(Dialog):
    """`templates_requested`: the person wants to change how it is talked to; `reload_requested`: to load it again with
    changed settings; `cost_requested`: to know what its quantization lost.

    Args:
        entry: of a model that is here.
        library: has the settings of each model.
        settings: those for all models.
        current: whether it is loaded: only then its templates can be listed.
        loaded_with: the settings that it is loaded with, when it is.
        examination: of this computer, for the line about the GPU.
    """

    templates_requested = Signal()
    reload_requested = Signal()
    cost_requested = Signal()

    def __init__(
        self,
        entry: LibraryEntry,
        library: Library,
        settings: Settings,
        parent: QWidget | None = None,
        *,
        current: bool,
        loaded_with: LoadSettings | None = None,
        examination: Examination | None = None,
    ) -> None:
        super().__init__(parent, width=600)
        self._entry, self._library, self._current = entry, library, current
        self._grid_box: QWidget | None = None
        self._gpu, self._sha256 = "…", ""
        self._digest = WholeFileCheck(self)
        self._digest.read.connect(self._show_percent)
        self._digest.done.connect(self._show_digest)
        self.finished.connect(self._digest.stop)
        self.digest_button, self.template_button, self.cost_button = (QPushButton() for _ in range(3))
        self.digest_button.clicked.connect(self._start_digest)
        self.template_button.clicked.connect(self._request_templates)
        self.template_button.setEnabled(current)
        self.cost_button.clicked.connect(self._request_cost)
        self._file_column = QVBoxLayout()
        for button in (self.template_button, self.digest_button, self.cost_button):
            button.setProperty("kind", "link")
            button.setAutoDefault(False)
            self._file_column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self._file_column.addStretch(1)
        self._add_pages(settings, loaded_with if current else None)
        self.add_close_button()
        self.ready()
        self._examination = examination or Examination()
        self._examination.done.connect(self._show_gpu)
        self._examination.start()

    def _add_pages(self, settings: Settings, loaded_with: LoadSettings | None) -> None:
        """The page about the file; of a model that can be loaded also those of its settings."""
        file_page = QWidget()
        self._file_column.setContentsMargins(0, 0, 0, 0)
        file_page.setLayout(self._file_column)
        self.tabs = Segments(PAGES)
        self.tabs.set_value("file")
        self.tabs.chosen.connect(self.show_page)
        self._pages = QStackedWidget()
        self._pages.addWidget(file_page)
        self.form: ModelSettingsForm | None = None
        header = self._entry.header
        if header is not None and not header.makes_embeddings:
            self.form = ModelSettingsForm(self._entry, self._library, settings, loaded_with=loaded_with)
            self.form.reload_requested.connect(self._request_reload)
            self.form.resized.connect(self.fit)
            self._pages.addWidget(self.form)
        row = QHBoxLayout()
        row.addWidget(self.tabs)
        row.addStretch(1)
        self.tabs.setVisible(self.form is not None)
        self.body.addLayout(row)
        self.body.addWidget(self._pages, 1)

    def show_page(self, page: str) -> None:
        """Show one of `PAGES`."""
        self.tabs.set_value(page)
        if page == "file" or self.form is None:
            self._pages.setCurrentIndex(0)
            self._show_facts()
        else:
            self._pages.setCurrentIndex(1)
            self.form.show_page(page)

    def facts(self) -> list[tuple[str, str]]:
        """Name and value of each line."""
        entry, header = self._entry, self._entry.header
        lines = [(translate("Library", "File"), str(entry.path or ""))]
        if header is not None:
            lines += [
                (translate("Library", "Size"), numbers.size(header.size_bytes)),
                (translate("Library", "Type"), header.quantization),
                (translate("Library", "Parameters"), numbers.parameters(header.n_params)),
                (translate("Library", "Architecture"), header.architecture),
                (translate("Library", "Trained for"), _tokens(header.n_ctx_train)),
            ]
        fit = self._library.fit(header) if self.form is not None and header is not None else entry.fit
        if fit is not None:
            lines.append((words.pill(fit), words.fit_sentence(fit)))
        lines += [
            (translate("Library", "Licence"), words.here(entry.license_note) or entry.license),
            (translate("Library", "Graphics processor"), self._gpu),
            ("SHA-256", self._sha256),
        ]
        return [(name, value) for name, value in lines if value]

    def _show_facts(self) -> None:
        if self._grid_box is not None:
            self._grid_box.hide()
            self._grid_box.deleteLater()
        self._grid_box = QWidget()
        grid = QGridLayout(self._grid_box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(theme().space(3))
        for row, (name, value) in enumerate(self.facts()):
            shown, text = label("quiet"), label("small", wrap=True)
            shown.setText(name)
            # Selectable, so without breaks: they would be copied, too.
            text.setText(value)
            text.setAccessibleName(f"{name}: {value}")
            text.setTextInteractionFlags(SELECTABLE)
            text.setMinimumWidth(theme().px(120))
            grid.addWidget(shown, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1)
        self._file_column.insertWidget(0, self._grid_box)
        self.fit()

    def _show_gpu(self, report: DoctorReport) -> None:
        engine = next((section for section in report.sections if section.name == "engine"), None)
        fact = next((fact.value for fact in engine.facts if fact.name == "gpu"), "") if engine else ""
        problem = next((one for one in report.problems if one.kind == "gpu_unused"), None)
        self._gpu = problem_sentence(problem) if problem is not None else fact
        self._show_facts()

    def _start_digest(self) -> None:
        if self._entry.path is not None:
            self.digest_button.setEnabled(False)
            self._digest.start(self._entry.path)

    def _show_percent(self, percent: int) -> None:
        self.digest_button.setText(translate("Library", "Reading … {percent} %").format(percent=percent))

    def _show_digest(self, text: str, good: bool) -> None:
        self._sha256 = text  # or the error, after which it can be tried again
        self.digest_button.setEnabled(not good)
        self._name_buttons()
        self._show_facts()

    def _request_templates(self) -> None:
        self.accept()
        self.templates_requested.emit()

    def _request_cost(self) -> None:
        self.accept()
        self.cost_requested.emit()

    def _request_reload(self) -> None:
        self.accept()
        self.reload_requested.emit()

    def _name_buttons(self) -> None:
        self.digest_button.setText(translate("Library", "Check the whole file"))
        self.template_button.setText(translate("Library", "Prompt template…"))
        self.cost_button.setText(translate("Library", "What did these bits cost?…"))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(self._entry.title)
        titles = (translate("Library", "File"), translate("Library", "Loading"), translate("Settings", "Answers"))
        self.tabs.set_texts(translate("Settings", "Page"), titles)
        self._name_buttons()
        self._show_facts()


def _tokens(n_ctx: int) -> str:
    return translate("Library", "{n} tokens of context").format(n=numbers.count(n_ctx)) if n_ctx else ""
