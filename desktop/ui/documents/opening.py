"""Opens a document in its own program."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QProcess, QUrl
from PySide6.QtGui import QDesktopServices

from desktop.i18n import translate


def open_document(path: str, show_problem: Callable[[str], object]) -> None:
    """Have the desktop open a file; `show_problem` gets a sentence where it cannot.

    A child looks for the file first: a disk that does not answer would hang the window.
    """
    process = QProcess()

    def finish(code: int) -> None:
        if code:
            show_problem(translate("Documents", "The document is not where it was, or cannot be read."))
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            show_problem(translate("Documents", "No program is known for this kind of document."))
        process.deleteLater()

    process.finished.connect(finish)
    process.start("test", ["-r", path])
