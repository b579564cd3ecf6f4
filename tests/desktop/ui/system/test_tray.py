"""With the icon in the tray the program outlives its window; without one, closing the window ends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.ui.system.tray import Tray
from desktop.ui.window.main_window import MainWindow
from tests.support.fake_controller import FakeController

Trigger = QSystemTrayIcon.ActivationReason.Trigger


@pytest.fixture
def settings() -> Settings:
    settings = Settings()
    settings.set_value("window/tray", True)
    return settings


@pytest.fixture
def open_window(
    qtbot: QtBot, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., MainWindow]]:
    quits: list[int] = []
    monkeypatch.setattr(QApplication, "quit", lambda *_: quits.append(1))

    def open_window(*, desktop_has_tray: bool) -> MainWindow:
        monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: desktop_has_tray)
        window = MainWindow(FakeController(), settings)
        window.quits, window.ends = quits, []
        window.closed.connect(lambda: window.ends.append(1))
        qtbot.addWidget(window)
        with qtbot.waitSignal(window.painted):
            window.show()
        qtbot.waitUntil(lambda: window._outside is not None)
        return window

    yield open_window
    QApplication.setQuitOnLastWindowClosed(True)


def tray_of(window: MainWindow) -> Tray:
    return window.findChild(Tray)


def test_nothing_of_it_is_there_unless_it_is_wanted(
    qtbot: QtBot, settings: Settings, open_window: Callable[..., MainWindow]
) -> None:
    settings.set_value("window/tray", None)
    window = open_window(desktop_has_tray=True)
    assert tray_of(window) is None
    window.close()
    assert window.ends == [1]


def test_closing_hides_and_a_click_shows_the_window_again(qtbot: QtBot, open_window: Callable[..., MainWindow]) -> None:
    window = open_window(desktop_has_tray=True)
    window.close()
    assert window.isHidden() and window.ends == []
    tray_of(window).icon.activated.emit(Trigger)
    assert window.isVisible()
    window.close()
    tray_of(window).actions["new_chat"].trigger()
    assert window.isVisible() and window.controller.conversation is None


@pytest.mark.parametrize("hidden", [False, True])
def test_quit_ends_the_program_whether_the_window_is_shown_or_not(
    qtbot: QtBot, open_window: Callable[..., MainWindow], hidden: bool
) -> None:
    window = open_window(desktop_has_tray=True)
    if hidden:
        window.close()
    tray_of(window).actions["quit"].trigger()
    assert window.ends == [1] and window.quits == [1]
    assert QApplication.quitOnLastWindowClosed()


def test_ctrl_q_ends_the_program_too(qtbot: QtBot, open_window: Callable[..., MainWindow]) -> None:
    window = open_window(desktop_has_tray=True)
    window.window_actions.by_id["quit"].trigger()
    assert window.ends == [1] and not window.isVisible()


def test_on_a_desktop_without_a_tray_closing_ends_the_program(
    qtbot: QtBot, open_window: Callable[..., MainWindow]
) -> None:
    window = open_window(desktop_has_tray=False)
    window.close()
    assert window.ends == [1]


def test_a_person_who_stays_because_of_unsaved_text_can_close_to_the_tray_afterwards(
    qtbot: QtBot, open_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(desktop_has_tray=True)
    monkeypatch.setattr(window.controller, "save", lambda: False)
    monkeypatch.setattr(window, "_confirm_loss", lambda: False)
    window.quit()
    assert window.isVisible() and window.ends == window.quits == []
    window.close()
    assert window.isHidden() and window.ends == []


def test_it_follows_the_settings_and_the_language(
    qtbot: QtBot, settings: Settings, open_window: Callable[..., MainWindow]
) -> None:
    window = open_window(desktop_has_tray=True)
    assert tray_of(window).actions["quit"].text() == "Quit"
    set_language("zh_CN")
    qtbot.waitUntil(lambda: tray_of(window).actions["quit"].text() == "退出")
    settings.set_value("window/tray", False)
    qtbot.waitUntil(lambda: tray_of(window) is None)
    assert QApplication.quitOnLastWindowClosed()
    window.close()
    assert window.ends == [1]


PROGRAM = """
import os
from PySide6.QtCore import QTimer
from belle import paths
from desktop.app import WindowSession, _end_on_signals, make_application
from desktop.settings import Settings
from desktop.store import Store
application, settings = make_application(), Settings()
settings.set_value("window/tray", True)
settings.set_value("model/ref", "/nowhere/none.gguf")
running = WindowSession(settings)
window = running.window
notifier = _end_on_signals(application, window.quit)
window.painted.connect(lambda: running.begin(Store.open(paths.database_file())))
steps = ["close", "clicked", "end"]

def step():
    if steps[0] == "close" and window._outside is not None and window.outside.stays_in_tray:
        window.close()
        print("hidden", window.isHidden(), flush=True)
        del steps[0]
    elif steps[0] == "clicked" and window.isVisible():
        print("shown", flush=True)
        window.close()
        os.kill(os.getpid(), 15)  # as the session does at its end, with the window hidden
        del steps[0]

timer = QTimer()
timer.timeout.connect(step)
timer.start(20)
window.show()
status = application.exec()
timer.stop()
running.close()
print("ended", status, steps)
"""


@pytest.mark.skipif(not (shutil.which("xvfb-run") and shutil.which("dbus-run-session")), reason="needs Xvfb and D-Bus")
def test_on_a_real_tray_the_window_closes_to_it_comes_back_and_ends_with_the_session() -> None:
    command = ["dbus-run-session", "--", "xvfb-run", "-a", sys.executable, "-m", "tests.support.tray_host"]
    command += [sys.executable, "-c", PROGRAM]
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=True)
    assert run.stdout.splitlines() == ["hidden True", "shown", "ended 0 ['end']"], run.stderr
