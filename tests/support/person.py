"""A person at the real window: real store, real controller, real worker process; driven through the widgets alone.

Everything waits for a signal or a condition, never for time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from belle import paths
from desktop.app import WindowSession, make_application
from desktop.chat.controller import ChatController
from desktop.chat.state import Notice
from desktop.settings import Settings
from desktop.store import Store, StoredMessage
from desktop.ui.style.theme import themes
from desktop.ui.transcript.message.widget import MessageWidget
from desktop.ui.window.main_window import MainWindow

LOADED_MS = 120_000
ANSWERED_MS = 180_000
NOTCH = 120
"""What a mouse wheel reports for one notch, in eighths of a degree."""


class Person:
    """A window that is shown and loads its model, and hands and eyes for it.

    Args:
        values: settings by name, as the person left them last time.
        size: of the window, in pixels.
    """

    def __init__(
        self, qtbot: QtBot, values: dict[str, object] | None = None, *, size: tuple[int, int] | None = None
    ) -> None:
        self.qtbot = qtbot
        self.settings = Settings()
        # Threads wait for each other spinning, and tests run side by side: one is the quickest.
        for name, value in {"model/threads": 1, **(values or {})}.items():
            self.settings.set_value(name, value)
        make_application()
        themes().follow_settings(self.settings)
        self.running = WindowSession(self.settings)
        self.window: MainWindow = self.running.window
        qtbot.addWidget(self.window)
        self.store = Store.open(paths.database_file())
        self.controller: ChatController = self.running.begin(self.store)
        self.notices: list[Notice] = []
        self.controller.notice.connect(self.notices.append)
        if size is not None:
            self.window.resize(*size)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitExposed(self.window)
        self.qtbot.waitUntil(lambda: self.window.pages.currentWidget() is not None)
        self.controller.start()

    def leave(self) -> None:
        """Close the window, and with it everything."""
        self.window.close()
        self.running.close()

    # Hands

    def type(self, text: str) -> None:
        """Type into the composer."""
        self.window.composer.editor.setFocus()
        QTest.keyClicks(self.window.composer.editor, text)

    def ask(self, text: str) -> None:
        """Type a question and send it."""
        self.type(text)
        QTest.keyClick(self.window.composer.editor, Qt.Key.Key_Return)

    def press_stop(self) -> None:
        """Esc."""
        QTest.keyClick(self.window.composer.editor, Qt.Key.Key_Escape)

    def stop(self) -> None:
        """Esc, and wait until the answer has ended."""
        self.press_stop()
        self.wait_answered()

    def new_chat(self) -> None:
        """Ctrl+N."""
        QTest.keyClick(self.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)

    def answer_again(self) -> None:
        """Ctrl+R."""
        QTest.keyClick(self.window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)

    def open_chat(self, title: str) -> None:
        """Choose a conversation in the sidebar."""
        found = next(c for c in self.controller.conversations.summaries() if c.title.startswith(title))
        self.window.sidebar.opened.emit(found.id)

    def drop(self, *paths: Path) -> bool:
        """Drag files onto the window and let go, if it takes them. Whether it does."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        held = Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(QPoint(500, 200), *held)
        QApplication.sendEvent(self.window, enter)
        if enter.isAccepted():
            QApplication.sendEvent(self.window, QDropEvent(QPoint(500, 200), *held))
        return enter.isAccepted()

    def press(self, message: StoredMessage, action: str) -> None:
        """Press one of the buttons under a message: copy, regenerate, edit, continue, previous, next."""
        self.widget(message).chosen.emit(action)

    def scroll(self, notches: float) -> None:
        """Turn the wheel over the transcript; up is positive. A fraction is what a trackpad sends."""
        for _ in range(max(1, abs(int(notches)))):
            self._turn_wheel(notches if abs(notches) < 1 else notches / abs(notches))

    def _turn_wheel(self, notches: float) -> None:
        viewport = self.window.transcript.viewport()
        middle = viewport.rect().center()
        event = QWheelEvent(
            QPointF(middle),
            QPointF(viewport.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, round(NOTCH * notches)),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(viewport, event)

    def kill_worker(self) -> None:
        """What the system does when the memory runs out."""
        os.kill(self.worker, signal.SIGKILL)

    # Eyes

    @property
    def path(self) -> list[StoredMessage]:
        """The open conversation as the store has it."""
        assert self.controller.conversation is not None
        return self.store.active_path(self.controller.conversation.id)

    @property
    def states(self) -> list[tuple[str, str]]:
        """Role and status of every message of the open conversation."""
        return [(m.role, m.status) for m in self.path]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Role and text of every message on the screen."""
        return [(m.role, m.text) for m in self.window.transcript.messages()]

    @property
    def answer(self) -> StoredMessage:
        """The last message on the screen, which is an answer."""
        last = self.window.transcript.messages()[-1]
        assert last.role == "assistant"
        return last

    @property
    def worker(self) -> int:
        """The process id of the model's worker."""
        bridge = self.controller.models.host._bridge
        assert bridge is not None
        return int(bridge.engine.pid)

    def widget(self, message: StoredMessage) -> MessageWidget:
        """A message on the screen."""
        widget = self.window.transcript.message_widget(message.id)
        assert widget is not None
        return widget

    def kinds(self) -> list[str]:
        """The kinds of everything that was said in banners."""
        return [notice.kind for notice in self.notices]

    # Patience

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until something is so."""
        self.qtbot.waitUntil(condition, timeout=ANSWERED_MS)

    def wait_ready(self) -> None:
        """Until the model can answer."""
        self.qtbot.waitUntil(lambda: self.controller.model.status == "ready", timeout=LOADED_MS)

    def wait_words(self) -> None:
        """Until more of an answer comes."""
        with self.qtbot.waitSignal(self.controller.answer_text, timeout=ANSWERED_MS):
            pass

    def wait_answered(self) -> None:
        """Until no answer is being made."""
        self.wait(lambda: not self.controller.busy)
