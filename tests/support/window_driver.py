"""The real window in a process of its own: told what to do on stdin, driven through its widgets, tells JSON lines.

Commands, one a line: `ask TEXT` (typed into the composer, then Enter), `new` (Ctrl+N), `stop` (Escape), `search TEXT`,
`open ID` (a conversation), `export FILE`, `action NAME` (of `desktop.ui.shortcuts`), `badge` (the page about the
network), `close` (a dialog), `crash slot|thread|SIGNAL`, `banners`,
`press KEY ACTION` (a button of a banner), `quit`.
Events have `event` and `at` (monotonic seconds): `shown`, `ready` (with the worker's pid), `asked`, `text` (a piece of
an answer), `answered`, `opened` (a conversation), `hits`, `dialog`, `notice`, `banners`, `quit`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSocketNotifier, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from belle import paths
from desktop.app import WindowSession, make_application
from desktop.crashes.watch import CrashWatch
from desktop.settings import Settings
from desktop.store import Store
from desktop.ui.style.theme import themes


def tell(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, "at": time.monotonic(), **fields}, ensure_ascii=False), flush=True)


class Driver:
    """Carries out the commands that come on stdin."""

    def __init__(self, running: WindowSession) -> None:
        self.running = running
        self._rest = b""
        controller = running.controller
        assert controller is not None
        controller.model_changed.connect(self._on_model)
        controller.message_added.connect(self._on_message)
        controller.conversation_opened.connect(lambda _, path: [self._on_message(m) for m in path])
        controller.conversation_opened.connect(lambda c, _: tell("opened", conversation=c.id if c else None))
        controller.answer_text.connect(lambda message, text: tell("text", message=message, text=text))
        controller.busy_changed.connect(lambda busy: None if busy else tell("answered"))
        controller.notice.connect(lambda n: tell("notice", kind=n.kind))
        os.set_blocking(sys.stdin.fileno(), False)
        self._commands = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
        self._commands.activated.connect(self._read)

    def _on_model(self, state: Any) -> None:
        if state.status == "ready":
            tell("ready", worker=self.running.controller.models.host._bridge.engine.pid)

    def _on_message(self, message: Any) -> None:
        if message.role == "user":
            tell("asked", message=message.id, text=message.text)

    def _read(self) -> None:
        *lines, self._rest = (self._rest + os.read(sys.stdin.fileno(), 65536)).split(b"\n")
        for line in lines:
            self._do(line.decode())

    def _do(self, line: str) -> None:
        command, _, text = line.partition(" ")
        editor = self.running.window.composer.editor
        if command == "ask":
            editor.setFocus()
            QTest.keyClicks(editor, text)
            QTest.keyClick(editor, Qt.Key.Key_Return)
        elif command == "new":
            QTest.keyClick(editor, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
        elif command == "stop":
            QTest.keyClick(editor, Qt.Key.Key_Escape)
        elif command == "search":
            self._search(text)
        elif command == "open":
            self.running.window.sidebar.opened.emit(int(text))
        elif command == "export":
            self._export(Path(text))
        elif command == "action":
            self.running.window.window_actions.by_id[text].trigger()
            self._tell_dialog()
        elif command == "badge":
            self.running.window.sidebar.badge.click()
            self._tell_dialog()
        elif command == "close":
            QApplication.activeModalWidget().close()
            tell("closed")
        elif command == "crash":
            self._crash(text)
        elif command == "press":
            key, action = text.split()
            self.running.window.banners.banner(key).buttons[action].click()
            self._tell_dialog()
        elif command == "banners":
            tell("banners", keys=self.running.window.banners.keys())
        elif command == "quit":
            tell("quit")
            self.running.window.close()

    def _crash(self, how: str) -> None:
        """Fail as a fault of the program would: in a slot, in a thread, or by a signal."""
        if how == "slot":
            QTimer.singleShot(0, _fail)
        elif how == "thread":
            threading.Thread(target=_fail, name="documents").start()
        else:
            signal.raise_signal(signal.Signals[how])

    def _search(self, text: str) -> None:
        side = self.running.window.sidebar
        side.search_field.setFocus()
        QTest.keyClicks(side.search_field, text)
        while not (rows := side.hit_list.hits.rowCount()):
            QTest.qWait(20)
        tell("hits", count=rows)
        side.search_field.clear()

    def _export(self, path: Path) -> None:
        self.running.window.window_actions.by_id["export"].trigger()
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QFileDialog)
        dialog.fileSelected.emit(str(path))
        dialog.close()
        while not path.exists():
            QTest.qWait(20)
        tell("exported")

    def _tell_dialog(self) -> None:
        shown = QApplication.activeModalWidget()
        if shown is not None:
            tell("dialog", title=shown.windowTitle())


def _fail() -> None:
    Path("/home/ann/my diary.txt").read_text()


def main() -> int:
    crashes = CrashWatch()
    crashes.start()
    application = make_application()
    settings = Settings()
    settings.set_value("model/threads", 1)  # others wait for each other spinning, and tests run side by side
    themes().follow_settings(settings)
    running = WindowSession(settings, crashes)
    controller = running.begin(Store.open(paths.database_file()))
    driver = Driver(running)
    running.window.closed.connect(application.quit)
    running.window.painted.connect(controller.start)
    running.window.show()
    tell("shown")
    status = application.exec()
    running.close()
    crashes.stop()
    del driver
    return status


if __name__ == "__main__":
    sys.exit(main())
