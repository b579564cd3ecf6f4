"""Behaviour of PySide6 that the window relies on and that was broken in a release."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PySide6.QtCore import QObject, Signal


class Sender(QObject):
    sent = Signal(bool)


def test_a_signal_keeps_its_hands_off_the_references_of_true_and_false() -> None:
    """PySide6 6.12.0 lost one with every emission, until Python ended with `deallocating True or False`."""
    sender = Sender()
    before = sys.getrefcount(True)
    for _ in range(50):
        sender.sent.emit(True)
    assert abs(sys.getrefcount(True) - before) < 25


def run(program: str, **environment: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout


def test_no_source_is_kept_in_memory() -> None:
    """PySide6's `import` reads the source of what is imported after it and keeps it, unless it is taken back."""
    program = """
import linecache
import desktop.app
print(sum(size for size, *_ in linecache.cache.values()) < 2000)
"""
    assert run(program) == "True\n"


@pytest.mark.parametrize("style", ["windows", "fusion"])
def test_the_style_is_fusion_whatever_the_desktop_has(style: str) -> None:
    program = "from desktop.app import make_application; print(make_application().style().name())"
    assert run(program, QT_STYLE_OVERRIDE=style) == "fusion\n"


def test_what_would_make_the_start_slow_is_not_needed_for_it() -> None:
    """Each was measured: the TOML reader, dataclasses, and what belongs to transcript, store and engine."""
    program = """
import sys
from desktop.app import WindowSession, make_application
from desktop.settings import Settings
from desktop.ui.style.theme import themes
application, settings = make_application(), Settings()
themes().follow_settings(settings)
window = WindowSession(settings).window
window.painted.connect(application.quit)
left_out = {"tomllib", "dataclasses", "sqlite3", "json", "desktop.store", "desktop.ui.transcript", "belle.engine"}
left_out |= {"desktop.library", "desktop.ui.library", "belle.models", "convert"}
window.composer.editor.focus_changed.connect(lambda: print(sorted(left_out & set(sys.modules))))
window.show()
application.exec()
"""
    assert run(program).splitlines()[0] == "[]"


def test_an_idle_window_leaves_out_what_waits_for_a_person() -> None:
    """With its conversations open, and all that is made without being asked for; OpenSSL alone takes 4 MB."""
    program = """
import sys
from PySide6.QtWidgets import QDialog
from belle import paths
from desktop.app import WindowSession, make_application
from desktop.settings import Settings
application = make_application()
running = WindowSession(Settings())

def begin():
    from desktop.store import Store
    controller = running.begin(Store.open(paths.database_file()))
    controller.documents.changed.connect(report)  # the last step of the start

def report():
    left_out = {"hashlib", "ssl", "xml", "tomllib", "psutil", "yaml", "belle.network", "belle.prompts", "belle.engine"}
    left_out |= {"desktop.documents.index", "desktop.documents.readers", "desktop.exchange", "desktop.library"}
    print("desktop.ui.transcript" in sys.modules, sorted(left_out & set(sys.modules)))
    # Qt's own dialogs have a class here as soon as PySide6 looks for the class of a widget that it did not make.
    print([made.__name__ for made in QDialog.__subclasses__()])
    application.quit()

running.window.painted.connect(begin)
running.window.show()
application.exec()
running.close()
"""
    assert run(program) == "True []\n[]\n"
