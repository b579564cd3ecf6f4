"""`chatbelle`: put store, controller and window together, show the window, then load the model behind it.

chatbelle [MODEL]        MODEL: a GGUF file or a name from the catalogue, for this time and the next
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSocketNotifier, Qt
from PySide6.QtWidgets import QApplication

import belle
import desktop.builtin_import  # noqa: F401  (before everything else of the window)
from belle import paths
from desktop.i18n import set_language
from desktop.instance import FirstWindow, hand_over
from desktop.settings import Settings
from desktop.ui.style.theme import themes
from desktop.ui.window.main_window import MainWindow

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.daily_backup import DailyBackups
    from desktop.store import Store


class Running:
    """Everything that lives while the window is open."""

    def __init__(self, settings: Settings) -> None:
        self.window = MainWindow(None, settings)
        self.controller: ChatController | None = None
        self._settings = settings
        self._store: Store | None = None
        self._first: FirstWindow | None = None
        self._backups: DailyBackups | None = None

    def begin(self, store: Store) -> ChatController:
        """Bring the window to life on `store`."""
        from desktop.chat.controller import ChatController
        from desktop.chat.daily_backup import DailyBackups

        self._store = store
        self.controller = ChatController(store, self._settings)
        self.window.attach(self.controller)
        if not store.is_read_only:
            self._first = FirstWindow()
            self._first.called.connect(self.come_forward)
            self._first.listen()
            self._backups = DailyBackups(paths.database_file(), paths.backups_dir())
            self._backups.failed.connect(self.controller.notice)
        return self.controller

    def come_forward(self, model: str = "") -> None:
        """Another start was meant for this window, perhaps with a model to load."""
        window = self.window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        QApplication.alert(window)
        if model and self.controller is not None:
            self.controller.load_model(model)

    def close(self) -> None:
        """Save the answer under way, end the engine, close the store."""
        if self._first is not None:
            self._first.close()
        if self._backups is not None:
            self._backups.close()
        if self.controller is not None and self._store is not None:
            self.controller.close()
            self._store.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed. Returns the exit status."""
    model = _model_asked_for(argv)
    if hand_over(model):
        return 0
    application = make_application()
    settings = Settings()
    set_language(settings.language)
    themes().follow_settings(settings)
    running = Running(settings)

    def begin() -> None:
        from desktop.opening import open_store

        opened = open_store(model)
        if opened.store is None:
            application.exit(opened.status)
            return
        controller = running.begin(opened.store)
        controller.start(model)
        if opened.notice is not None:
            controller.notice.emit(opened.notice)

    # The window is painted, and can be typed into, before anything is read behind it.
    running.window.painted.connect(begin)
    running.window.show()
    _end_on_signals(application)
    status = application.exec()
    running.close()
    return status


def make_application() -> QApplication:
    """The application object with its names; the one that exists, if there is one."""
    present = QApplication.instance()
    # Qt's own option instead of `setStyle`: that returns a QStyle, and Python's side of the class with its six hundred
    # names would be a twentieth of the time until the window is there.
    application = present if isinstance(present, QApplication) else QApplication([*sys.argv[:1], "-style", "Fusion"])
    application.setApplicationName("ChatBELLE")
    application.setApplicationVersion(belle.__version__)
    application.setDesktopFileName("chatbelle")
    return application


def _model_asked_for(argv: Sequence[str] | None) -> str:
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        return ""
    import argparse

    parser = argparse.ArgumentParser(prog="chatbelle", description="Chat with a language model on this computer.")
    parser.add_argument("model", nargs="?", default="", help="a GGUF file, or a name from the catalogue")
    parser.add_argument("--version", action="version", version=f"ChatBELLE {belle.__version__}")
    return str(parser.parse_args(words).model)


def _end_on_signals(application: QApplication) -> QSocketNotifier:
    """Ctrl-C in the terminal and a polite kill close the window as its button would.

    A signal writes to a pipe that Qt's loop watches: Python's own handlers run only when Qt comes back to Python.
    """
    import signal

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    notifier = QSocketNotifier(reading, QSocketNotifier.Type.Read, application)
    notifier.activated.connect(application.quit)
    return notifier
