"""The doctor dialog shows what `belle doctor` prints, in the language of the window."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

import belle.doctor
from belle.doctor import DoctorReport, Fact, Problem, Section
from desktop.i18n import set_language
from desktop.ui.dialogs.about import AboutDialog
from desktop.ui.dialogs.doctor import DoctorDialog, Examination
from desktop.ui.dialogs.doctor_labels import fact_name, problem_sentence

SPOILED = DoctorReport(
    (
        Section("machine", (Fact("processor", "Fast <b>One</b>"),)),
        Section(
            "models",
            (Fact("installed", "1"), Fact("diary", "/home/ann/diary.gguf", private=True)),
            (
                Problem("gpu_unused", "English.", "make it", {"maker": "AMD", "backend": "HIP"}, serious=False),
                Problem("model_missing", "English.", "belle models remove diary", {"name": "diary"}),
            ),
        ),
    )
)


class Prepared(Examination):
    """Finds what the test says."""

    def __init__(self, report: DoctorReport) -> None:
        super().__init__()
        self._report = report

    def start(self) -> None:
        self.done.emit(self._report)


def texts(dialog: DoctorDialog) -> list[str]:
    return [shown.text() for shown in dialog.findChildren(QLabel) if shown.isVisibleTo(dialog)]


def test_problems_come_first_each_with_its_command(qtbot):
    dialog = DoctorDialog(examination=Prepared(SPOILED))
    qtbot.addWidget(dialog)
    shown = texts(dialog)
    assert shown.index("The file of the model diary is no longer where it was.") < shown.index(
        "belle models remove diary"
    )
    assert shown.index("belle models remove diary") < shown.index("make it") < shown.index("This computer")
    assert "Fast <b>One</b>" in shown


def test_it_speaks_the_language_of_the_window(qtbot):
    dialog = DoctorDialog(examination=Prepared(SPOILED))
    qtbot.addWidget(dialog)
    set_language("zh_CN")
    try:
        qtbot.waitUntil(lambda: "处理器" in texts(dialog))
        assert any("diary" in text and "模型" in text for text in texts(dialog))
    finally:
        set_language("en")


def test_what_is_copied_for_a_bug_report_is_not_private(qtbot):
    dialog = DoctorDialog(examination=Prepared(SPOILED))
    qtbot.addWidget(dialog)
    dialog.copy_button.click()
    copied = QGuiApplication.clipboard().text()
    assert json.loads(copied)["problems"]
    assert "diary" not in copied


def test_the_real_examination_reaches_the_page_from_the_about_dialog(qtbot):
    about = AboutDialog()
    qtbot.addWidget(about)
    about.doctor_button.click()
    dialog = about.findChild(DoctorDialog)
    qtbot.waitUntil(lambda: any("F16" in text for text in texts(dialog)), timeout=60_000)
    assert dialog.report is not None


def literal_arguments(function: str) -> set[str]:
    """The first argument of every call of `function` in the doctor's modules."""
    kinds = set()
    for file in Path(inspect.getfile(belle.doctor)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == function and node.args:
                first = node.args[0]
                kinds |= {first.value} if isinstance(first, ast.Constant) else set()
    return kinds


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_fact_and_problem_has_words(language, qtbot):
    set_language(language)
    try:
        for name in literal_arguments("Fact"):
            assert fact_name(name) != name, name
        for kind in literal_arguments("Problem") | literal_arguments("_problem"):
            details = dict.fromkeys(("lacking", "maker", "backend", "free", "names", "path", "name", "reason"), "X")
            assert problem_sentence(Problem(kind, "no words", details=details)) != "no words", kind
    finally:
        set_language("en")


def test_the_report_makes_the_open_dialog_higher(qtbot):
    report = DoctorReport((Section("machine", tuple(Fact("processor", str(n)) for n in range(16))),))
    examination = Late(report)
    dialog = DoctorDialog(examination=examination)
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    before = dialog.height()
    examination.done.emit(report)
    qtbot.waitUntil(lambda: dialog.height() > before)


class Late(Prepared):
    """Finds it when the test says so."""

    def start(self) -> None:
        pass
