"""Notifications: over the session's real bus, and what there is without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.system.notifications import SystemNotifications

PROGRAM = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from desktop.ui.system.notifications import SystemNotifications

application = QApplication(sys.argv)
window = QWidget()
notifications = SystemNotifications(window)
clicks = []
notifications.clicked.connect(lambda: clicks.append(1))
notifications.show("春雨 <7B>", "Ready & <b>installed</b>")
QTimer.singleShot(1500, application.quit)
application.exec()
print(json.dumps({"clicks": len(clicks)}) if (json := __import__("json")) else "", flush=True)
"""


@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="needs D-Bus")
def test_the_service_of_the_desktop_is_sent_what_ended_and_a_click_comes_back() -> None:
    command = ["dbus-run-session", "--", sys.executable, "-m", "tests.support.notification_service"]
    command += [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    sent, clicked = map(json.loads, run.stdout.splitlines())
    assert sent["name"] == "ChatBELLE" and sent["title"] == "春雨 <7B>"
    assert sent["text"] == "Ready &amp; &lt;b&gt;installed&lt;/b&gt;"  # this service reads markup in the text
    assert sent["actions"][0] == "default"
    assert clicked["clicks"] == 1  # a click on another program's is not ours


def test_without_a_service_and_a_tray_the_window_asks_for_attention(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(os.environ, "DBUS_SESSION_BUS_ADDRESS", raising=False)
    alerted: list[QWidget] = []
    monkeypatch.setattr(QApplication, "alert", alerted.append)
    window = QWidget()
    qtbot.addWidget(window)
    SystemNotifications(window).show("Ready", "It is.")
    qtbot.waitUntil(lambda: alerted == [window])
