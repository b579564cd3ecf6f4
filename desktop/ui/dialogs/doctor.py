"""The dialog version of `belle doctor`: whether everything works on this computer."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from desktop.crashes.reports import CrashReports
from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.doctor_labels import fact_name, problem_sentence, section_title
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.controls import SELECTABLE, label
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from belle.doctor import DoctorReport, Problem, Section


class Examination(QObject):
    """Runs `belle.doctor.examine` in a thread: it takes a second or two, most of it in child processes."""

    done = Signal(object)

    def start(self) -> None:
        """Start the thread. `done` has the report, and is delivered in the thread of this object."""
        threading.Thread(target=self._run, name="doctor", daemon=True).start()

    def _run(self) -> None:
        from belle.doctor import examine

        report = examine()
        with suppress(RuntimeError):  # the application has ended meanwhile
            self.done.emit(report)


class DoctorDialog(Dialog):
    """Shows problems first, each with a command that helps, then all facts. A button copies them for a bug report."""

    def __init__(self, parent: QWidget | None = None, *, examination: Examination | None = None) -> None:
        super().__init__(parent, width=600, height=300)
        self.report: DoctorReport | None = None
        self._waiting = self.paragraph()
        self._report_widgets: list[QWidget] = []
        self.crashes_button = self.add_button()
        self._crashes = CrashReports()
        self.crashes_button.setVisible(bool(self._crashes.all()))
        self.crashes_button.clicked.connect(self._show_crashes)
        self.copy_button = self.add_button()
        self.copy_button.setEnabled(False)
        self.copy_button.clicked.connect(self._copy)
        self.add_close_button()
        self.ready()
        self._examination = examination or Examination()
        self._examination.done.connect(self._show)
        self._examination.start()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Doctor", "Does everything work here?"))
        self._waiting.setText(translate("Doctor", "Looking at this computer …"))
        self.crashes_button.setText(translate("Doctor", "Crash reports…"))
        self.copy_button.setText(translate("Doctor", "Copy for a bug report"))
        set_tooltip(self.copy_button, translate("Doctor", "Without names, paths or anything private"))
        if self.report is not None:
            self._show(self.report)

    def _show(self, report: DoctorReport) -> None:
        self.report = report
        for widget in self._report_widgets:
            widget.hide()  # `deleteLater` deletes it only when the event loop runs again
            widget.deleteLater()
        self._report_widgets = []
        self._waiting.hide()
        self.copy_button.setEnabled(True)
        if not report.problems:
            self._add("section", translate("Doctor", "Everything works."))
        for problem in report.problems:
            self._show_problem(problem)
        for section in report.sections:
            self._show_section(section)
        # Later: widgets that are added to a visible dialog are hidden, and take no room, until the event loop runs.
        QTimer.singleShot(0, self, self.fit)

    def _show_problem(self, problem: Problem) -> None:
        kind = translate("Doctor", "Does not work") if problem.serious else translate("Doctor", "Could be better")
        self._add("section", kind)
        self._add("muted", problem_sentence(problem))
        if problem.command:
            self._add("code", problem.command)

    def _show_section(self, section: Section) -> None:
        if not section.facts:
            return
        self._add("section", section_title(section.name))
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(theme().space(3))
        for row, fact in enumerate(section.facts):
            name, value = fact_name(fact.name), fact.value or "–"
            grid.addWidget(_value_label("quiet", name, name), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(_value_label("small", value, f"{name}: {value}"), row, 1)
        self.body.addWidget(box)
        self._report_widgets.append(box)

    def _add(self, role: str, text: str) -> None:
        widget = self.paragraph(role)
        _set_text(widget, text, text)
        self._report_widgets.append(widget)

    def _show_crashes(self) -> None:
        from desktop.ui.dialogs.crashes import CrashesDialog

        dialog = CrashesDialog(self._crashes.all(), self)
        dialog.delete_requested.connect(self._crashes.delete)
        dialog.delete_requested.connect(self.crashes_button.hide)
        dialog.open()

    def _copy(self) -> None:
        if self.report is not None:
            QGuiApplication.clipboard().setText(json.dumps(self.report.as_json(), indent=2, ensure_ascii=False))
            self.copy_button.setText(translate("Doctor", "Copied"))


def _value_label(role: str, text: str, spoken: str) -> QLabel:
    widget = label(role, wrap=role != "quiet")
    _set_text(widget, text, spoken)
    return widget


def _set_text(widget: QLabel, text: str, spoken: str) -> None:
    # It contains names of models and folders, which may look like HTML.
    widget.setTextFormat(Qt.TextFormat.PlainText)
    widget.setText(text)
    widget.setAccessibleName(spoken)
    widget.setTextInteractionFlags(SELECTABLE)
