"""The tray of a desktop, on the session bus: takes icons, and clicks on each again and again.

Run as `tests.support.notification_service`.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import ClassInfo, Property, QCoreApplication, QObject, QTimer, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage

from tests.support.notification_service import serve

NAME = "org.kde.StatusNotifierWatcher"
PATH = "/StatusNotifierWatcher"
_CLICK_MS = 500


@ClassInfo({"D-Bus Interface": NAME})
class Host(QObject):
    """Both halves of the specification: knows the icons, and says that somebody shows them."""

    StatusNotifierHostRegistered = Signal()

    @Property(bool)
    def IsStatusNotifierHostRegistered(self) -> bool:
        return True

    @Slot("QString")
    def RegisterStatusNotifierItem(self, service: str) -> None:
        item = "org.kde.StatusNotifierItem"
        click = QDBusMessage.createMethodCall(service, "/StatusNotifierItem", item, "Activate")
        click.setArguments([0, 0])
        timer = QTimer(self)
        timer.timeout.connect(lambda: QDBusConnection.sessionBus().asyncCall(click))
        timer.start(_CLICK_MS)


if __name__ == "__main__":
    application = QCoreApplication(sys.argv)
    sys.exit(serve(Host(), NAME, PATH))
