"""A real window that crashes leaves a report, and the next one says so, quietly and once."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from belle import paths
from desktop.crashes.reports import CrashReport, CrashReports
from desktop.crashes.watch import CrashWatch
from desktop.ui.dialogs.crashes import CrashesDialog
from desktop.ui.dialogs.doctor import DoctorDialog
from tests.desktop.ui.test_doctor import SPOILED, Prepared
from tests.support.window import Window, open_window


def crash(window: Window, how: str) -> None:
    window.until("shown")
    window.tell(f"crash {how}")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


def only_report() -> CrashReport:
    (report,) = CrashReports().all()
    assert "diary" not in repr(report) and "home" not in repr(report)
    return report


def banners(window: Window) -> list[str]:
    window.tell("banners")
    return window.until("banners")["keys"]


@pytest.mark.parametrize(("number", "what"), [("SIGSEGV", "Segmentation fault"), ("SIGABRT", "Aborted")])
def test_a_signal_that_ends_the_window_is_reported_at_the_next_start(number: str, what: str) -> None:
    with open_window() as window:
        crash(window, number)
        assert window.process.wait(30) == -signal.Signals[number]
    assert CrashReports().all() == []
    with open_window() as window:
        window.until("shown")
        assert "crashes" in banners(window)
        window.tell("press crashes show_crashes")
        assert window.until("dialog")["title"].startswith("Crash reports")
        window.tell("close")
        window.tell("quit")
        window.rest()
    report = only_report()
    assert (report.kind, report.what) == ("signal", what)
    assert report.frames[-1].endswith(" _crash")


@pytest.mark.parametrize("how", ["slot", "thread"])
def test_an_exception_nobody_caught_is_reported_and_the_window_goes_on(how: str) -> None:
    with open_window() as window:
        crash(window, how)
        window.tell(f"crash {how}")  # the same again is not a second report
        assert banners(window) == []
        window.tell("quit")
        window.rest()
        assert window.process.wait(30) == 0
    report = only_report()
    assert (report.kind, report.what, report.details["code"]) == ("exception", "FileNotFoundError", "ENOENT")
    assert report.details.get("thread") == ("documents" if how == "thread" else None)
    with open_window() as window:
        window.until("shown")
        assert "crashes" in banners(window)
        window.tell("press crashes delete_crashes")
        assert "crashes" not in banners(window)
    assert CrashReports().all() == []


def test_the_death_of_the_model_s_process_is_reported() -> None:
    with open_window() as window:
        worker = window.until("ready")["worker"]
        os.kill(worker, signal.SIGSEGV)
        window.until("ready")
        window.tell("quit")
        window.rest()
    report = only_report()
    assert (report.kind, report.what, report.details["ended"]) == ("engine", "safer_mode", "SIGSEGV")


@pytest.mark.parametrize("how", ["quit", "kill"])
def test_a_window_that_was_closed_or_killed_leaves_nothing(how: str) -> None:
    with open_window() as window:
        window.until("shown")
        if how == "quit":
            window.tell("quit")
            window.rest()
    with open_window() as window:
        window.until("shown")
        assert banners(window) == []
    assert CrashReports().all() == []


def test_a_running_window_s_file_is_left_alone(tmp_path: Path) -> None:
    with open_window() as window:
        window.until("shown")
        (running,) = paths.crashes_dir().glob("running-*")
        running.write_text("Fatal Python error: Aborted\n")
        assert CrashWatch().announce() == 0 and running.exists()


def test_a_fault_that_comes_back_with_every_frame_is_reported_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    watch = CrashWatch(tmp_path)
    for number in range(50):
        kind = type(f"Error{number}", (Exception,), {})
        watch._on_exception(kind, kind("text"), None)
    assert 1 < len(CrashReports(tmp_path).all()) <= 10
    assert "Error49" in capsys.readouterr().err  # still printed


def test_where_the_folder_cannot_be_written_the_window_starts_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    watch = CrashWatch(tmp_path / "file" / "crashes")
    hook = sys.excepthook
    try:
        watch.start()
        assert watch.announce() == 0
    finally:
        watch.stop()
        sys.excepthook = hook


def test_the_doctor_leads_to_the_reports_and_they_can_be_copied_and_deleted(qtbot: QtBot) -> None:
    CrashReports().add(CrashReport("signal", "Aborted", 5, ("desktop/app.py:1 main",)))
    doctor = DoctorDialog(examination=Prepared(SPOILED))
    qtbot.addWidget(doctor)
    doctor.show()
    doctor.crashes_button.click()
    dialog = doctor.findChild(CrashesDialog)
    assert any("desktop/app.py:1 main" in label.text() for label in dialog.findChildren(QLabel))
    dialog.copy_button.click()
    assert json.loads(QGuiApplication.clipboard().text())[0]["what"] == "Aborted"
    dialog.delete_button.click()
    assert CrashReports().all() == [] and doctor.crashes_button.isHidden()
    doctor.close()
