"""The command `chatbelle`: shows the window first, then opens the store and loads the model.

chatbelle [--offline] [--ask] [MODEL]

MODEL: a GGUF file or a name from the catalogue; also the default of the next start. --ask: for a quick question.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

import belle
import desktop.builtin_import  # noqa: F401  (after PySide6, before the rest of the window)
from belle import paths
from desktop.crashes.watch import CrashWatch
from desktop.i18n import set_language
from desktop.instance import InstanceServer, hand_over
from desktop.settings import Settings
from desktop.ui.style.theme import themes
from desktop.ui.window.main_window import MainWindow

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.daily_backup import DailyBackups
    from desktop.store import Store


class WindowSession:
    """Everything that lives while the window is open."""

    def __init__(self, settings: Settings, crashes: CrashWatch | None = None) -> None:
        self.window = MainWindow(None, settings)
        self.controller: ChatController | None = None
        self._settings = settings
        self._crashes = crashes or CrashWatch()
        self._store: Store | None = None
        self._instance_server: InstanceServer | None = None
        self._backups: DailyBackups | None = None

    def begin(self, store: Store) -> ChatController:
        """Connect the window to `store` through a new controller."""
        from desktop.chat.controller import ChatController
        from desktop.chat.daily_backup import DailyBackups
        from desktop.chat.state import Notice

        self._store = store
        self.controller = ChatController(store, self._settings)
        self.window.attach(self.controller)
        self.controller.engine_died.connect(self._crashes.engine_died)
        if not store.is_read_only:  # only the owner of the store's lock is the first window
            self._instance_server = InstanceServer()
            self._instance_server.start_requested.connect(self.raise_window)
            self._instance_server.ask_requested.connect(self.window.ask_requested)
            self._instance_server.offline_requested.connect(go_offline)
            self._instance_server.listen()
            self._backups = DailyBackups(paths.database_file(), paths.backups_dir())
            self._backups.failed.connect(self.controller.notice)
            if self._crashes.announce():
                actions = ("show_crashes", "delete_crashes")
                self.controller.notice.emit(Notice("crashed", "info", {}, actions, "crashes"))
        return self.controller

    def raise_window(self, model: str = "") -> None:
        """Bring the window to the front, as a later start asked, and load `model` if it named one."""
        self.window.bring_to_front()
        if model and self.controller is not None:
            self.controller.projects.choose_model(model)

    def close(self) -> None:
        """Store the answer under way, end the engine, close the store."""
        # First no more requests and backups, then the controller, which still writes, and its store last.
        if self._instance_server is not None:
            self._instance_server.close()
        if self._backups is not None:
            self._backups.close()
        if self.controller is not None and self._store is not None:
            self.controller.close()
            self._store.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed. Returns the exit status."""
    model, offline, ask = _arguments(argv)
    if offline:
        go_offline()
    if hand_over(model, ask=ask):
        return 0
    crashes = CrashWatch()
    crashes.start()
    application = make_application()
    settings = Settings()
    set_language(settings.language)
    themes().follow_settings(settings)
    running = WindowSession(settings, crashes)

    def begin() -> None:
        from desktop.opening import open_store

        opened = open_store(model, ask=ask)
        if opened.store is None:
            application.exit(opened.status)
            return
        controller = running.begin(opened.store)
        controller.start(model)
        if opened.notice is not None:
            controller.notice.emit(opened.notice)
        if ask:
            running.window.ask_requested.emit()

    # The window is painted and can be typed into before the store is opened.
    running.window.painted.connect(begin)
    running.window.show()
    _end_on_signals(application, running.window.quit)
    status = application.exec()
    running.close()
    crashes.stop()
    return status


def make_application() -> QApplication:
    """The application object with its names; the existing one, if there is one."""
    present = QApplication.instance()
    # Qt's command line option instead of `setStyle`: that returns a QStyle, and PySide6 would build the Python class
    # with its six hundred names, a twentieth of the time until the window is visible.
    application = present if isinstance(present, QApplication) else QApplication([*sys.argv[:1], "-style", "Fusion"])
    application.setApplicationName("ChatBELLE")
    application.setApplicationVersion(belle.__version__)
    application.setDesktopFileName("chatbelle")
    return application


def go_offline() -> None:
    """Refuse the network from now on."""
    from belle import network  # not needed to paint the window

    network.go_offline()


def _arguments(argv: Sequence[str] | None) -> tuple[str, bool, bool]:
    """The model, whether the network is refused, and whether this is about a quick question."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        return "", False, False
    import argparse

    parser = argparse.ArgumentParser(prog="chatbelle", description="Chat with a language model on this computer.")
    parser.add_argument("model", nargs="?", default="", help="a GGUF file, or a name from the catalogue")
    parser.add_argument("--offline", action="store_true", help="refuse everything that would touch the network")
    parser.add_argument("--ask", action="store_true", help="ask a quick question in a small window")
    parser.add_argument("--version", action="version", version=f"ChatBELLE {belle.__version__}")
    arguments = parser.parse_args(words)
    return str(arguments.model), bool(arguments.offline), bool(arguments.ask)


def _end_on_signals(application: QApplication, end: Callable[[], object]) -> QSocketNotifier:
    """End the application on SIGINT (Ctrl-C) and SIGTERM.

    Python's signal handlers run only when the interpreter runs, and Qt's event loop may not return to it for long. So
    the C-level handler writes to a pipe (`set_wakeup_fd`) that the event loop watches.
    """
    import signal

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # a Python handler must be set, or the C-level one is not
    notifier = QSocketNotifier(reading, QSocketNotifier.Type.Read, application)
    notifier.activated.connect(end)
    return notifier
