"""The page of crash reports: what each one says, and buttons to copy or delete them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QDateTime, QLocale, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QWidget

from desktop.crashes.reports import CrashReport, as_text
from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.controls import SELECTABLE

_FRAMES_SHOWN = 6


class CrashesDialog(Dialog):
    """Lists the reports, the newest first, each with the innermost frames."""

    delete_requested = Signal()

    def __init__(self, reports: Sequence[CrashReport], parent: QWidget | None = None) -> None:
        super().__init__(parent, width=600, height=240)
        self.reports = list(reports)
        self._promise = self.paragraph()
        self._titles = [self._show(report) for report in self.reports]
        self.body.addStretch(1)
        self.delete_button = self.add_button()
        self.delete_button.clicked.connect(self._delete)
        self.copy_button = self.add_button()
        self.copy_button.clicked.connect(self._copy)
        for button in (self.delete_button, self.copy_button):
            button.setEnabled(bool(self.reports))
        self.add_close_button()
        self.ready()

    def _show(self, report: CrashReport) -> QLabel:
        title = self.paragraph("section")
        details = " · ".join(f"{name}: {value}" for name, value in (*report.details.items(), *report.versions.items()))
        for role, text in (("code", "\n".join(report.frames[-_FRAMES_SHOWN:])), ("quiet", details)):
            if text:
                shown = self.paragraph(role)
                shown.setText(text)
                shown.setTextInteractionFlags(SELECTABLE)
        return title

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Crashes", "Crash reports"))
        if self.reports:
            promise = translate(
                "Crashes",
                "They are on this computer alone, and nothing sends them. They have no text of yours and no names of "
                "your files.",
            )
        else:
            promise = translate("Crashes", "There are none.")
        self._promise.setText(promise)
        for title, report in zip(self._titles, self.reports, strict=True):
            title.setText(_title(report))
        self.delete_button.setText(translate("Crashes", "Delete all"))
        self.copy_button.setText(translate("Crashes", "Copy for a bug report"))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self.reports))
        self.copy_button.setText(translate("Crashes", "Copied"))

    def _delete(self) -> None:
        self.delete_requested.emit()
        self.accept()


def _title(report: CrashReport) -> str:
    what = {
        "exception": translate("Crashes", "A fault in the window: {what}"),
        "signal": translate("Crashes", "The window crashed: {what}"),
        "engine": translate("Crashes", "The model's process ended: {what}"),
    }[report.kind].format(what=report.what)
    when = QDateTime.fromSecsSinceEpoch(int(report.at))
    return f"{QLocale().toString(when, QLocale.FormatType.ShortFormat)} · {what}"
