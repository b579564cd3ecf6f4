"""Export, print and import of conversations, as a person meets them: menus, dialogs for files, progress, the end."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer

from desktop.i18n import translate

if TYPE_CHECKING:
    from PySide6.QtPrintSupport import QPrinter

    from desktop.chat.controller import ChatController
    from desktop.chat.files.exchange import Exchange
    from desktop.exchange.words import ExportWords
    from desktop.ui.dialogs.exchange import ExchangeProgress
    from desktop.ui.window.layout import WindowLayout

_FOLDER = "window/exchange_folder"
_SHOW_AFTER_MS = 400
"""What takes no longer than this shows no progress."""


class ExchangeDialogs(QObject):
    """Asks where to, and hands over to `ChatController.exchange`.

    Args:
        window: over which the dialogs open.
        controller: who does it.
    """

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._progress: ExchangeProgress | None = None
        self._printer: QPrinter | None = None
        self._show_timer = QTimer(self, singleShot=True, interval=_SHOW_AFTER_MS)
        self._show_timer.timeout.connect(self._show_progress)

    # What the menus ask for

    def export_open(self) -> None:
        """Ask where the open conversation goes, and write it there."""
        conversation = self._controller.conversation
        if conversation is None or self._exchange.is_busy:
            return
        self._choose_target(
            translate("Exchange", "Export this chat"),
            self._exchange.file_name(conversation.title),
            conversation.id,
            {
                ".md": translate("Exchange", "Markdown, for reading (*.md)"),
                ".html": translate("Exchange", "Web page (*.html)"),
                ".pdf": translate("Exchange", "PDF (*.pdf)"),
                ".json": translate("Exchange", "Everything, can be imported again (*.json)"),
            },
        )

    def export_all(self) -> None:
        """Ask where all conversations go, and write them there."""
        if self._exchange.is_busy:
            return
        self._choose_target(
            translate("Exchange", "Export all chats"),
            "ChatBELLE",
            None,
            {
                ".json": translate("Exchange", "Everything, can be imported again (*.json)"),
                ".html": translate("Exchange", "Web page (*.html)"),
                ".zip": translate("Exchange", "Markdown, one file for each chat (*.zip)"),
            },
        )

    def import_files(self) -> None:
        """Ask for files, and bring in what is in them."""
        if self._exchange.is_busy:
            return
        from desktop.ui.file_dialog import Mode, file_dialog

        filters = (
            translate("Exchange", "Exports of chats (*.json *.jsonl *.zip)"),
            translate("FileDialog", "All files (*)"),
        )
        title = translate("Exchange", "Import chats")
        dialog = file_dialog(self._window, title, Mode.ExistingFiles, folder=self._folder, filters=filters)
        dialog.filesSelected.connect(self._import)
        dialog.open()

    def print_open(self) -> None:
        """Ask for a printer, and print the open conversation."""
        conversation = self._controller.conversation
        if conversation is None or self._exchange.is_busy:
            return
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter

        self._printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        self._printer.setDocName(conversation.title)
        dialog = QPrintDialog(self._printer, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._exchange.make_page(export_words(), conversation.id))
        dialog.setModal(True)
        dialog.show()

    # What is dropped

    def takes(self, path: str) -> bool:
        """Whether a dropped file may hold chats."""
        return self._exchange.looks_importable(Path(path))

    def offer_import(self, path: str) -> None:
        """Ask whether the chats of a dropped file are to be imported."""
        if self._exchange.is_busy:
            return
        from desktop.ui.dialogs.exchange import ImportOffer

        offer = ImportOffer(Path(path).name, self._window)
        offer.accepted.connect(lambda: self._import([path]))
        offer.open()

    # Doing it

    @cached_property
    def _exchange(self) -> Exchange:
        """Who exports and imports; made and connected at the first use."""
        exchange = self._controller.exchange
        exchange.began.connect(self._show_timer.start)
        exchange.ended.connect(self._end)
        exchange.page_made.connect(self._print)
        return exchange

    def _export(self, conversation_id: int | None, path: Path) -> None:
        self._remember(path)
        self._exchange.export(path, export_words(), conversation_id)

    def _import(self, paths: list[str]) -> None:
        if paths:
            self._remember(Path(paths[0]))
            self._exchange.import_files([Path(path) for path in paths])

    def _print(self, html: str) -> None:
        from desktop.chat.files.pdf import print_document
        from desktop.chat.state import Notice

        printer, self._printer = self._printer, None
        if printer is not None:
            print_document(html).print_(printer)
            if printer.printerState() == printer.PrinterState.Error:
                self._controller.notice.emit(Notice("print_failed", "bad"))

    def _show_progress(self) -> None:
        if not self._exchange.is_busy:
            return
        from desktop.ui.dialogs.exchange import ExchangeProgress

        self._progress = ExchangeProgress(self._window)
        self._exchange.progressed.connect(self._progress.show_progress)
        self._progress.rejected.connect(self._stop)
        self._progress.open()

    def _stop(self) -> None:
        self._progress = None  # it deletes itself
        self._exchange.stop()

    def _end(self) -> None:
        self._show_timer.stop()
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.accept()

    # Dialogs for files

    def _choose_target(self, title: str, name: str, conversation_id: int | None, formats: dict[str, str]) -> None:
        from desktop.ui.file_dialog import choose_new_file

        export = partial(self._export, conversation_id)
        choose_new_file(self._window, title, name, export, folder=self._folder, formats=formats)

    @property
    def _folder(self) -> str:
        return str(self._window.settings.value(_FOLDER, "") or Path.home())

    def _remember(self, path: Path) -> None:
        self._window.settings.set_value(_FOLDER, str(path.parent))


def export_words() -> ExportWords:
    """The words of exported pages in the present language."""
    from desktop.exchange.words import ExportWords
    from desktop.i18n import current_language

    return ExportWords(
        language=current_language().replace("_", "-"),
        untitled=translate("Exchange", "Untitled chat"),
        you=translate("Exchange", "You"),
        model=translate("Exchange", "Model"),
        system_prompt=translate("Exchange", "System prompt"),
        thoughts=translate("Exchange", "Thoughts"),
        thoughts_for=translate("Exchange", "Thoughts ({seconds} s)"),
        cut_off=translate("Exchange", "cut off"),
        attached=translate("Exchange", "Attached: {names}"),
        text_of=translate("Exchange", "Text in {name}"),
        passages=translate("Documents", "From these passages"),
        page=translate("Documents", "page {number}"),
        line=translate("Documents", "line {number}"),
        exported_by=translate("Exchange", "Exported by ChatBELLE"),
        chats=translate("Exchange", "Chats"),
    )
