"""The dialog that lets other programs use the model."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from desktop.chat.model_server import ServerState
from desktop.i18n import set_language
from desktop.ui.dialogs.serve import ServeDialog

ON = ServerState("on", "starter", "http://127.0.0.1:8080/v1", "a-token-that-is-long-enough")


@pytest.fixture
def dialog(opened):
    return opened(ServeDialog(ServerState()))


def test_it_is_switched_on_and_off(dialog, qtbot):
    with qtbot.waitSignal(dialog.switched) as signal:
        dialog.switch.click()
    assert signal.args == [True]
    dialog.show_state(ON)
    assert dialog.switch.text() == "Stop serving"
    with qtbot.waitSignal(dialog.switched) as signal:
        dialog.switch.click()
    assert signal.args == [False]


def test_address_and_token_are_shown_while_it_is_on_and_copied_as_they_are(dialog):
    assert not any(value.isVisible() for value in dialog.values.values())
    dialog.show_state(ON)
    for name, text in (("address", ON.address), ("token", ON.token)):
        assert dialog.values[name].isVisible()
        dialog.copy_buttons[name].click()
        assert QGuiApplication.clipboard().text() == text
    dialog.show_state(ServerState("off"))
    assert not any(value.isVisible() for value in dialog.values.values())


def test_what_went_wrong_is_said(dialog):
    dialog.show_state(ServerState("failed", "starter", problem="Port 8080 is in use."))
    assert "Port 8080 is in use." in dialog._status.text().replace("\u200b", "")
    assert dialog.switch.text() == "Start serving"


def test_without_a_model_there_is_nothing_to_serve(opened):
    dialog = opened(ServeDialog(ServerState(), can_start=False))
    assert not dialog.switch.isEnabled()
    assert "Load a model" in dialog._status.text()


def test_it_follows_the_language(dialog):
    dialog.show_state(ON)
    set_language("zh_CN")
    QTest.qWait(5)
    assert "停止" in dialog.switch.text()
    assert dialog.copy_buttons["token"].accessibleName() != dialog.copy_buttons["token"].text()
