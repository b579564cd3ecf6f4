"""A notification service on the session bus, as a desktop has one: prints what it is sent, and clicks on it.

Run as a process of its own under `dbus-run-session`, followed by a program: started when the service is there, ended
with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count

from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, QTimer, Signal, Slot
from PySide6.QtDBus import QDBusConnection

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


@ClassInfo({"D-Bus Interface": NAME})
class Service(QObject):
    """Takes notifications as the specification says, and clicks on each after a moment."""

    ActionInvoked = Signal("uint", "QString")

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)

    @Slot(result="QStringList")
    def GetCapabilities(self) -> list[str]:
        return ["body", "body-markup", "actions"]

    @Slot("QString", "uint", "QString", "QString", "QString", "QStringList", "QVariantMap", int, result="uint")
    def Notify(
        self, name: str, replaces: int, icon: str, title: str, text: str, actions: list[str], hints: dict, expires: int
    ) -> int:
        number = next(self._numbers)
        print(json.dumps({"name": name, "title": title, "text": text, "actions": actions}), flush=True)
        QTimer.singleShot(50, lambda: self.ActionInvoked.emit(number + 100, "default"))  # another program's
        QTimer.singleShot(100, lambda: self.ActionInvoked.emit(number, "default"))
        return number


def serve(service: QObject, name: str, path: str) -> int:
    """Have a service on the bus while the program of the arguments runs; its exit status."""
    application = QCoreApplication.instance()
    assert application is not None
    bus, option = QDBusConnection.sessionBus(), QDBusConnection.RegisterOption
    everything = option.ExportAllSlots | option.ExportAllSignals | option.ExportAllProperties
    bus.registerObject(path, service, everything)
    if not bus.registerService(name):
        return 1
    program = subprocess.Popen(sys.argv[1:])
    timer = QTimer()
    timer.timeout.connect(lambda: application.exit(program.returncode) if program.poll() is not None else None)
    timer.start(50)
    return application.exec()


if __name__ == "__main__":
    application = QCoreApplication(sys.argv)
    sys.exit(serve(Service(), NAME, PATH))
