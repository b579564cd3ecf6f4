"""`chatbelle`: put store, controller and window together, show the window, then load the model behind it.

chatbelle [MODEL]        MODEL: a GGUF file or a name from the catalogue, for this time and the next
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

import belle
import desktop.builtin_import  # noqa: F401  (before everything else of the window)
from belle import paths
from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.ui.main_window import MainWindow
from desktop.ui.theme import themes

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.store import Store


class Running:
    """Everything that lives while the window is open."""

    def __init__(self, settings: Settings) -> None:
        self.window = MainWindow(None, settings)
        self.controller: ChatController | None = None
        self._settings = settings
        self._store: Store | None = None

    def begin(self, store: Store) -> ChatController:
        """Bring the window to life on `store`."""
        from desktop.chat.controller import ChatController

        self._store = store
        self.controller = ChatController(store, self._settings)
        self.window.attach(self.controller)
        return self.controller

    def close(self) -> None:
        """Save the answer under way, end the engine, close the store."""
        if self.controller is not None and self._store is not None:
            self.controller.close()
            self._store.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed. Returns the exit status."""
    model = _model_asked_for(argv)
    application = make_application()
    settings = Settings()
    set_language(settings.language)
    themes().apply(application, settings)
    running = Running(settings)
    if model:
        settings.set_value("model/ref", model)

    def begin() -> None:
        store = _open_store()
        if store is None:
            application.exit(1)
        else:
            running.begin(store).start()

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


def _open_store() -> Store | None:
    """The store, or None after the person has read why there is none. Nothing is overwritten either way."""
    from desktop.store import Store, StoreError

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
    import signal

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    notifier = QSocketNotifier(reading, QSocketNotifier.Type.Read, application)
    notifier.activated.connect(application.quit)
    return notifier
