"""A long job that ends is told once, and only to a person who is elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from belle.errors import KnownError
from desktop.chat.state import EXCHANGE, Notice
from desktop.documents.progress import IndexProgress
from desktop.i18n import set_language
from desktop.library.jobs import JobState
from desktop.settings import Settings
from desktop.ui.system import job_notices
from desktop.ui.system.job_notices import JobNotices
from desktop.ui.window.main_window import MainWindow
from tests.support.fake_controller import FakeController

PROBLEM = KnownError("folder_gone", "It is gone.", "Look for it.")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(job_notices.SystemNotifications, "show", lambda _, *texts: shown.append(texts))
    monkeypatch.setattr(job_notices, "_LONG_S", 0.0)
    return shown


@pytest.fixture
def notices(qtbot: QtBot, tmp_path: Path) -> JobNotices:
    window = QWidget()
    qtbot.addWidget(window)
    return JobNotices(window, Settings())


def happen(notices: JobNotices) -> None:
    """Everything that is worth a notification, once."""
    notices.follow_job(JobState("belle-7b", "running"))
    notices.follow_job(JobState("belle-7b", "done"))
    notices.follow_job(JobState("/home/ann/notes.gguf", "failed", error=PROBLEM))
    notices.follow_job(JobState("belle-7b", "stopped"))
    notices.follow_exchange(Notice("exported", "info", {"file": "/home/ann/all.json"}, (), EXCHANGE))
    notices.follow_folder(IndexProgress("/home/ann/papers", 0, 9))
    notices.follow_folder(IndexProgress("/home/ann/papers", 9, 9, 2, finished=True))
    notices.follow_folder(IndexProgress("/home/ann/gone", 0, 0))
    notices.follow_folder(IndexProgress("/home/ann/gone", finished=True, problem=PROBLEM))
    notices.follow_folder(IndexProgress("/home/ann/halted", 1, 9))
    notices.follow_folder(IndexProgress("/home/ann/halted", 1, 9, stopped=True))


def test_each_end_is_told_once_and_a_stop_is_not(notices: JobNotices, shown: list[tuple[str, str]]) -> None:
    happen(notices)
    assert [title for title, _ in shown] == [
        "“belle-7b” is ready",
        "“notes.gguf” is not ready",
        "Exported",
        "The folder “papers” is read",
        "The folder “gone” could not be read",
    ]
    assert all(text for _, text in shown)
    assert "7 documents" in shown[3][1]


def test_a_folder_that_is_read_in_no_time_is_not_told(
    notices: JobNotices, shown: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_notices, "_LONG_S", 10.0)
    notices.follow_folder(IndexProgress("/home/ann/papers", 0, 9))
    notices.follow_folder(IndexProgress("/home/ann/papers", 9, 9, finished=True))
    notices.follow_folder(IndexProgress("/home/ann/other", 9, 9, finished=True))  # nothing had changed in it
    assert shown == []


def test_nothing_is_told_in_an_active_window(qtbot: QtBot, notices: JobNotices, shown: list[tuple[str, str]]) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
    happen(notices)
    assert shown == []


def test_nothing_is_told_to_a_person_who_does_not_want_it(qtbot: QtBot, shown: list[tuple[str, str]]) -> None:
    settings, window = Settings(), QWidget()
    qtbot.addWidget(window)
    settings.set_value("window/notifications", False)
    happen(JobNotices(window, Settings()))
    assert shown == []
    settings.set_value("window/notifications", True)
    happen(JobNotices(window, Settings()))
    assert shown


def test_the_window_tells_what_its_controller_and_its_library_end(
    qtbot: QtBot, tmp_path: Path, shown: list[tuple[str, str]]
) -> None:
    controller = FakeController()
    window = MainWindow(controller, Settings())
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.painted):
        window.show()
    qtbot.waitUntil(lambda: window._outside is not None)
    window.hide()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is None)
    controller.notice.emit(Notice("exported", "info", {"file": "/home/ann/all.json"}, (), EXCHANGE))
    controller.notice.emit(Notice("no_model", "warn", {}, (), "model"))
    window.window_actions.dialogs.job_changed.emit(JobState("starter", "running"))
    window.window_actions.dialogs.job_changed.emit(JobState("starter", "done"))
    assert [title for title, _ in shown] == ["Exported", "“starter” is ready"]


def test_why_a_folder_cannot_be_read_is_told_in_the_language_of_the_window(
    notices: JobNotices, shown: list[tuple[str, str]]
) -> None:
    set_language("zh_CN")
    gone = KnownError("folder_missing", "The folder /home/ann/gone does not exist.", "Choose another one.")
    notices.follow_folder(IndexProgress("/home/ann/gone", 0, 0))
    notices.follow_folder(IndexProgress("/home/ann/gone", finished=True, problem=gone))
    assert not re.search("[a-z]", shown[0][1])
