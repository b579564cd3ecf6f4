"""The real window in a process of its own: told what to do on stdin, driven through its widgets, tells JSON lines.

Commands, one a line: `ask TEXT` (typed into the composer, then Enter), `new`
(Ctrl+N), `stop` (Escape), `quit`.
Events have `event` and `at` (monotonic seconds): `shown`, `ready` (with the worker's pid), `asked`, `text` (a piece of
an answer), `answered`, `notice`, `quit`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from PySide6.QtCore import QSocketNotifier, Qt
from PySide6.QtTest import QTest

from belle import paths
from desktop.app import WindowSession, make_application
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
        controller.answer_text.connect(lambda message, text: tell("text", message=message, text=text))
        controller.busy_changed.connect(lambda busy: None if busy else tell("answered"))
        controller.notice.connect(lambda n: tell("notice", kind=n.kind))
        os.set_blocking(sys.stdin.fileno(), False)
        self._commands = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
        self._commands.activated.connect(self._read)

    def _on_model(self, state: Any) -> None:
        if state.status == "ready":
            tell("ready", worker=self.running.controller._models.host._bridge.engine.pid)

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
        elif command == "quit":
            tell("quit")
            self.running.window.close()


def main() -> int:
    application = make_application()
    settings = Settings()
    settings.set_value("model/threads", 1)  # others wait for each other spinning, and tests run side by side
    themes().follow_settings(settings)
    running = WindowSession(settings)
    controller = running.begin(Store.open(paths.database_file()))
    driver = Driver(running)
    running.window.closed.connect(application.quit)
    running.window.painted.connect(controller.start)
    running.window.show()
    tell("shown")
    status = application.exec()
    running.close()
    del driver
    return status


if __name__ == "__main__":
    sys.exit(main())
