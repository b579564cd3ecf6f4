"""Every UI test has an application and its own settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from desktop.chat.state import Notice
from desktop.settings import Settings
from desktop.ui.window.main_window import MainWindow
from tests.support.fake_controller import FakeController

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The offscreen platform says of what some window managers have, and of the tray, that it has none of them; no fault
    # of ours.
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("^This plugin does not support", "systemTrayWindowChanged"))


@pytest.fixture(autouse=True)
def _deleted_at_the_end(qapp):
    yield
    # What was deleted "later" is gone before the next test looks at the application.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left_to_paste(qapp):
    """The offscreen clipboard outlives Python, and must not hold what Python would have to take down."""
    yield
    QGuiApplication.clipboard().clear()


@pytest.fixture(autouse=True)
def _the_library_does_not_measure_this_computer(monkeypatch):
    """It would do so in a thread and a process, for seconds, when a test opens it."""
    monkeypatch.setattr("desktop.library.library.Library.look_around", lambda library: None)


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def controller(qapp) -> FakeController:
    return FakeController()


@pytest.fixture
def window(qtbot, controller, settings) -> MainWindow:
    """The window with an open conversation and a banner."""
    controller.add("first", texts=("question", "answer"))
    window = MainWindow(controller, settings)
    qtbot.addWidget(window)
    controller.make_ready()
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.pages.currentWidget() is not None)
    controller.conversations.open(1)
    controller.notice.emit(Notice("engine_gave_up", "bad", {"message": "x"}, ("restart_engine",), "engine"))
    QTest.qWait(10)
    return window


@pytest.fixture
def opened(qtbot) -> Callable[[QDialog], QDialog]:
    """Shows a dialog, which has the focus then."""

    def show(dialog: QDialog) -> QDialog:
        # Closed dialogs delete themselves; here the test still wants to look.
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(dialog)
        with qtbot.waitActive(dialog):
            dialog.show()
            dialog.activateWindow()
        return dialog

    return show
