"""How much the window costs: start and memory, each against an empty PySide6 window started in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from tests.bench.measure import Measure, at_most

ROUNDS = 15
CONVERSATIONS = 1000

_REPORT = """
import os, sys
from PySide6.QtCore import QEvent, QObject, QTimer

class FirstPaint(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and not getattr(self, "done", False):
            self.done = True
            print("painted", flush=True)
            if {idle}:
                QTimer.singleShot(3000, self.memory)
            else:
                QTimer.singleShot(0, lambda: os._exit(0))
        return False

    def memory(self):
        import psutil
        print(psutil.Process().memory_info().rss, flush=True)
        os._exit(0)
"""

_EMPTY = """
from PySide6.QtWidgets import QApplication, QMainWindow
application = QApplication(sys.argv)
window = QMainWindow()
window.resize(1120, 760)
"""

_OURS = """
from PySide6.QtCore import QTimer
from belle import paths
from desktop.app import WindowSession, make_application
from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.ui.style.theme import themes
application = make_application()
settings = Settings()
set_language(settings.language)
themes().follow_settings(settings)
running = WindowSession(settings)
window = running.window
def begin():
    from desktop.store import Store
    running.begin(Store.open(paths.database_file()))
window.painted.connect(begin)
"""

_SHOW = """
watch = FirstPaint()
window.installEventFilter(watch)
window.show()
application.exec()
"""


def run() -> list[Measure]:
    """The rows of this module."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        # Modules are compiled once on a person's machine, not at every start.
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        _fill(environment)
        _first_paint(_OURS, environment)  # compile bytecode, warm the page cache
        ours, empty = [], []
        for _ in range(ROUNDS):
            empty.append(_first_paint(_EMPTY, environment))
            ours.append(_first_paint(_OURS, environment))
        # Whatever else the machine does only adds to a start: the shortest of many is the program's own.
        start = min(ours) / min(empty)
        memory = _idle_memory(_OURS, environment) / _idle_memory(_EMPTY, environment)
    return [
        at_most("window: process start to first paint ÷ empty PySide6 window", start, 1.6),
        at_most(f"window: resident memory, idle, {CONVERSATIONS} conversations ÷ empty window", memory, 1.5),
    ]


def _fill(environment: dict[str, str]) -> None:
    program = (
        "from belle import paths\n"
        "from desktop.store import Store\n"
        "with Store.open(paths.database_file()) as store:\n"
        f"    for i in range({CONVERSATIONS}):\n"
        "        c = store.create_conversation(title=f'Conversation {i} 春雨')\n"
        "        m = store.add_message(c.id, None, 'user', 'Why is the sky blue? ' * 5)\n"
        "        store.add_message(c.id, m.id, 'assistant', 'Because of Rayleigh scattering. ' * 20)\n"
    )
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def _program(window: str, *, idle: bool) -> list[str]:
    return [sys.executable, "-c", _REPORT.replace("{idle}", str(idle)) + window + _SHOW]


def _first_paint(window: str, environment: dict[str, str]) -> float:
    """Seconds from the start of the process to the first paint event."""
    began = time.perf_counter()
    with subprocess.Popen(_program(window, idle=False), env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"painted\n"
        return time.perf_counter() - began


def _idle_memory(window: str, environment: dict[str, str]) -> int:
    """Resident bytes three seconds after the first paint."""
    output = subprocess.run(_program(window, idle=True), env=environment, check=True, capture_output=True).stdout
    return int(output.split()[1])


if __name__ == "__main__":
    for row in run():
        print(row)
