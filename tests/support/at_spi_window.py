"""A window as assistive technology finds it: opens one, runs `at_spi_reader.py` beside it, and prints what that says.

Run as a process of its own, on a display and a D-Bus session of its own: `xvfb-run -a dbus-run-session -- …`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, QTimer

from desktop.app import make_application
from desktop.chat.state import Notice
from desktop.settings import Settings
from desktop.ui.window.main_window import MainWindow
from tests.support.fake_controller import FakeController

READER = Path(__file__).with_name("at_spi_reader.py")
SYSTEM_PYTHON = "/usr/bin/python3"
"""It has the bindings of AT-SPI (package python3-gi and gir1.2-atspi-2.0); they are not on PyPI."""


def main() -> None:
    application = make_application()
    controller, reader = FakeController(), QProcess()
    window = MainWindow(controller, Settings())
    reader.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)

    def show_content() -> None:
        controller.make_ready()
        controller.conversations.open(controller.add("Rain", texts=("What is rain?", "Water from clouds.")))
        controller.notice.emit(Notice("disk_full", "bad", {}, (), "disk"))
        reader.start(SYSTEM_PYTHON, [str(READER)])

    def answer_reader() -> None:
        line = bytes(reader.readAllStandardOutput().data()).decode()
        print(line, end="", flush=True)
        if "listening" in line:
            again.start(300)

    # More than once: until Qt has been told that somebody listens, it says nothing on the bus.
    again = QTimer()
    again.timeout.connect(lambda: controller.notice.emit(Notice("context_full", "warn", {}, (), "answer")))
    reader.readyReadStandardOutput.connect(answer_reader)
    reader.finished.connect(application.quit)
    window.painted.connect(lambda: QTimer.singleShot(0, show_content))
    window.show()
    sys.exit(application.exec())


if __name__ == "__main__":
    main()
