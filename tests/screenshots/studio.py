"""The window that is photographed, and what finds, waits for and closes its parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QDeadlineTimer, QEventLoop, QSize
from PySide6.QtWidgets import QApplication, QWidget

from belle import paths
from desktop.app import WindowSession
from desktop.chat.controller import ChatController
from desktop.crashes.reports import CrashReports
from desktop.settings import Settings
from desktop.store import Store
from desktop.store.records import StoredMessage
from desktop.ui.transcript.message.widget import MessageWidget
from tests.screenshots.content import CONTENTS, fill

SIZE = QSize(1120, 760)
_TIMEOUT_S = 90
_SETTLE_S = 0.3
_Widget = TypeVar("_Widget", bound=QWidget)


class Studio:
    """The real window with the starter model loaded, in one language.

    Args:
        language: `en` or `zh`.
        settings: of the window.
        home: has the documents.
    """

    def __init__(self, language: str, settings: Settings, home: Path) -> None:
        self.language, self.settings, self.home = language, settings, home
        self.content = CONTENTS[language]
        self.store = Store.open(paths.database_file().with_name(f"{language}.sqlite3"))
        self.conversations = fill(self.store, self.content, home)
        self._session = WindowSession(settings)
        self.window = self._session.window
        self.controller: ChatController = self._session.begin(self.store)
        self.window.resize(SIZE)
        self.window.show()
        self.controller.start()
        self.wait(lambda: self.controller.model.status == "ready")
        self.actions = self.window.window_actions
        self.dialogs = self.actions.dialogs

    def open(self, name: str) -> None:
        """Show one of the conversations of `content.fill`."""
        self.controller.conversations.open(self.conversations[name])
        self.settle()

    def read_documents(self) -> None:
        """Have the folder of `content.fill` read for the open conversation."""
        documents = self.controller.documents
        if not documents.folder:
            documents.choose(str(self.home / self.content.folder))
        self.wait(lambda: documents.state.finished)

    def message(self, index: int) -> MessageWidget:
        """A message of the open conversation."""
        widget = self.window.transcript.message_widget(self.stored(index).id)
        assert widget is not None
        return widget

    def stored(self, index: int) -> StoredMessage:
        """The same as the transcript has it."""
        return self.window.transcript.messages()[index]

    def shown(self, kind: type[_Widget]) -> _Widget:
        """The open dialog of a kind; of several, the one that keeps the others waiting."""
        modal = QApplication.activeModalWidget()
        if isinstance(modal, kind):
            return modal
        return next(widget for widget in QApplication.topLevelWidgets() if _is_open(widget, kind))

    def settle(self, seconds: float = _SETTLE_S) -> None:
        """Let everything be painted that is to be."""
        deadline = QDeadlineTimer(int(seconds * 1000))
        while not deadline.hasExpired():
            QEventLoop().processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
            time.sleep(0.005)

    def wait(self, condition: Callable[[], object]) -> None:
        """Until something is so. Raises TimeoutError."""
        deadline = time.monotonic() + _TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the window did not come so far")
            self.settle(0.05)

    def tidy(self) -> None:
        """Close everything but the window, and show it as it begins."""
        for widget in reversed(QApplication.topLevelWidgets()):
            if widget is not self.window and widget.isVisible():
                widget.close()
        self.controller.messages.stop()
        self.wait(lambda: not self.controller.busy)
        self.actions.reader.leave()
        self.actions.finding.close()
        self.window.sidebar.clear_search()
        self.settle()

    def close(self) -> None:
        """Close the window, and with it everything."""
        self.tidy()
        CrashReports().delete()
        self.window.close()
        self._session.close()


def _is_open(widget: QWidget, kind: type[QWidget]) -> bool:
    return isinstance(widget, kind) and widget.isVisible()
