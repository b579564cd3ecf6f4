"""`chatbelle`: put store, controller and window together, show the window, then load the model behind it.

chatbelle [MODEL]        MODEL: a GGUF file or a name from the catalogue, for this time and the next
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

import belle
from belle import paths
from desktop.chat.controller import ChatController
from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.store import Store, StoreError
from desktop.ui.main_window import MainWindow
from desktop.ui.theme import themes


class Running:
    """Everything that lives while the window is open. `close` ends it in the right order, more than once if need be."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.controller = ChatController(store, settings)
        self.window = MainWindow(self.controller, settings)

    def close(self) -> None:
        """Save the answer under way, end the engine, close the store."""
        self.controller.close()
        self.store.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed. Returns the exit status."""
    arguments = _arguments(argv)
    application = make_application()
    settings = Settings()
    set_language(settings.language)
    themes().apply(application, settings)
    store = _open_store()
    if store is None:
        return 1
    running = Running(store, settings)
    if arguments.model:
        settings.set_value("model/ref", arguments.model)
    running.window.show()
    # The window is painted before anything is loaded behind it.
    QTimer.singleShot(0, running.controller.start)
    _end_on_signals(application)
    status = application.exec()
    running.close()
    return status


def make_application() -> QApplication:
    """The application object with its names; the one that exists, if there is one."""
    present = QApplication.instance()
    application = present if isinstance(present, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("ChatBELLE")
    application.setApplicationVersion(belle.__version__)
    application.setDesktopFileName("chatbelle")
    return application


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chatbelle", description="Chat with a language model on this computer, offline."
    )
    parser.add_argument("model", nargs="?", help="a GGUF file, or a name from the catalogue (belle models list)")
    parser.add_argument("--version", action="version", version=f"ChatBELLE {belle.__version__}")
    return parser.parse_args(argv)


def _open_store() -> Store | None:
    """The store, or None after the person has read why there is none. Nothing is overwritten either way."""
    try:
        return Store.open(paths.database_file())
    except StoreError as error:
        from desktop.ui.dialogs.store_fault import show_store_fault

        show_store_fault(error)
        return None


def _end_on_signals(application: QApplication) -> QSocketNotifier:
    """Ctrl-C in the terminal and a polite kill close the window as its button would.

    A signal writes to a pipe that Qt's loop watches: Python's own handlers run only when Qt comes back to Python.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    notifier = QSocketNotifier(reading, QSocketNotifier.Type.Read, application)
    notifier.activated.connect(application.quit)
    return notifier
