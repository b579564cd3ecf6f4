"""Opens the window that compares two models, keeps an answer of it in the conversation, and writes it to a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtWidgets import QWidget

from belle.errors import KnownError
from desktop.chat.state import Notice
from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.library.entries import LibraryEntry
    from desktop.library.fit import Fit
    from desktop.library.library import Library
    from desktop.settings import Settings
    from desktop.ui.compare.dialog import CompareDialog, ComparedQuestion, ModelsToCompare

_FOLDER = "window/exchange_folder"


class ComparisonDialogs(QObject):
    """One comparison at a time: a new one takes the place of the one that is open.

    Args:
        window: over which the dialogs open.
        controller: has the conversation, and keeps an answer in it.
        settings: how models are loaded.
        library: its models can be compared.
    """

    def __init__(self, window: QWidget, controller: ChatController, settings: Settings, library: Library) -> None:
        super().__init__(window)
        self._window, self._controller, self._settings, self._library = window, controller, settings, library

    def compare_question(self, message_id: int | None = None) -> None:
        """Compare on a question of the open conversation, or on that of an answer; on a new one where there is none."""
        compared = self._compared(message_id)
        if compared is not None:
            self._open(compared, "")

    def compare_model(self, ref: str) -> None:
        """Compare a model with the present one on a question to be typed."""
        compared = self._compared(None)
        if compared is not None:
            self._open(compared, ref)

    def _compared(self, message_id: int | None) -> ComparedQuestion | None:
        from belle.engine.process.commands import Generate
        from desktop.ui.compare.dialog import ComparedQuestion

        if message_id is None:
            return ComparedQuestion(Generate(0, (), self._controller.models.sampling()))
        asked = self._controller.other_answers.request_for(message_id)
        return ComparedQuestion(asked[1], asked[0].text, asked[0].id) if asked is not None else None

    def _open(self, compared: ComparedQuestion, ref: str) -> None:
        from desktop.compare.comparison import ModelComparison
        from desktop.ui.compare.dialog import CompareDialog

        models = self._models(ref)
        if models is None:
            return
        for open_already in self._window.findChildren(CompareDialog):
            open_already.close()
        dialog = CompareDialog(ModelComparison(self._settings), compared, models, self._window)
        dialog.kept.connect(partial(self._keep, dialog))
        dialog.export_requested.connect(partial(self._choose_file, dialog))
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(dialog.comparison.close)
        dialog.show()

    def _models(self, ref: str) -> ModelsToCompare | None:
        from desktop.ui.compare.dialog import ModelsToCompare

        try:
            lines = self._library.entries()
        except KnownError as error:
            self._controller.notice.emit(Notice.of(error, key="registry"))
            return None
        entries = [entry for entry in lines if entry.header is not None and not entry.makes_embeddings]
        if not entries:
            self._controller.notice.emit(Notice("no_model", "warn", {}, ("choose_model",), "model"))
            return None
        present = self._controller.models.ref
        left = next((entry for entry in entries if entry.ref == present), entries[0])
        right = next((entry for entry in entries if entry.ref == ref), None) or _other(left, entries)
        return ModelsToCompare(entries, left.ref, right.ref, self._fit_of)

    def _fit_of(self, left: LibraryEntry, right: LibraryEntry) -> Fit:
        assert left.header is not None  # `_models` offers no others
        assert right.header is not None
        return self._library.fit_of_pair(left.header, right.header)

    def _keep(self, dialog: CompareDialog, side: str) -> None:
        answer = dialog.comparison.state(side).as_answer(dialog.columns[side].answered_by)
        question_id = self._controller.other_answers.keep(dialog.question_id, dialog.asked, answer)
        if question_id is not None:
            dialog.show_kept(side, question_id)

    def _choose_file(self, dialog: CompareDialog) -> None:
        from desktop.ui.file_dialog import choose_new_file

        choose_new_file(
            dialog,
            translate("Compare", "Export the comparison"),
            "ChatBELLE",
            partial(self._export, dialog),
            folder=str(self._settings.value(_FOLDER, "") or Path.home()),
            formats={
                ".html": translate("Exchange", "Web page (*.html)"),
                ".md": translate("Exchange", "Markdown, for reading (*.md)"),
            },
        )

    def _export(self, dialog: CompareDialog, path: Path) -> None:
        from desktop.compare.page import write_page

        page = dialog.page()
        if page is None:
            return
        self._settings.set_value(_FOLDER, str(path.parent))
        try:
            write_page(page, path)
        except KnownError as error:
            self._controller.notice.emit(Notice.of(error, key="export"))


def _other(entry: LibraryEntry, entries: list[LibraryEntry]) -> LibraryEntry:
    """The model to compare with: another file of the same model, else any other, else the same."""
    others = [other for other in entries if other is not entry]
    return next((other for other in others if _size(other) == _size(entry)), others[0] if others else entry)


def _size(entry: LibraryEntry) -> tuple[str, int]:
    header = entry.header
    return (header.architecture, header.n_params) if header is not None else ("", 0)
