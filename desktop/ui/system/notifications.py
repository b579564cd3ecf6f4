"""Notifications of the desktop, for a person who is in another program.

They go to the notification service of the session (freedesktop.org, over D-Bus); where there is none, to the tray;
where there is none either, the window asks for attention in the task bar.
"""

from __future__ import annotations

import html
import threading
from contextlib import suppress
from typing import Any

from PySide6.QtCore import Q_ARG, Q_RETURN_ARG, SLOT, QMetaObject, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

_SERVICE = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_TIMEOUT_MS = 3000
_TRAY_ICON_S = 20
"""How long an icon stays in the tray that is there for its message alone."""


class SystemNotifications(QObject):
    """Shows notifications. `clicked` is emitted when one of them is clicked."""

    clicked = Signal()
    _sent = Signal(str, str, int)  # title, text, the number that the service gave; 0: there is no service

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._numbers: set[int] = set()
        self._listens = False
        self._sent.connect(self._on_sent)

    def show(self, title: str, text: str) -> None:
        """Show a notification."""
        # Beside the event loop: a service that hangs must not stop the window.
        threading.Thread(target=self._send, args=(title, text), name="notify", daemon=True).start()

    def _send(self, title: str, text: str) -> None:
        number = _notify(title, text)
        with suppress(RuntimeError):  # the application has ended meanwhile
            self._sent.emit(title, text, number)

    def _on_sent(self, title: str, text: str, number: int) -> None:
        if not number:
            self._show_without_service(title, text)
            return
        self._numbers.add(number)
        if not self._listens:
            from PySide6.QtDBus import QDBusConnection

            self._listens = True
            slot: Any = SLOT("_on_action(uint,QString)")  # a str, other than the stubs say
            QDBusConnection.sessionBus().connect(_SERVICE, _PATH, _SERVICE, "ActionInvoked", self, slot)

    @Slot("uint", "QString")  # the types of the signal on the bus
    def _on_action(self, number: int, _action: str) -> None:
        # The signal is about the notifications of every program.
        if number in self._numbers:
            self._numbers.discard(number)
            self.clicked.emit()

    def _show_without_service(self, title: str, text: str) -> None:
        if not QSystemTrayIcon.isSystemTrayAvailable():
            QApplication.alert(self._window)
            return
        icon = QSystemTrayIcon(self._window.windowIcon(), self)
        icon.messageClicked.connect(self.clicked)
        icon.show()
        icon.showMessage(title, text, self._window.windowIcon())
        QTimer.singleShot(_TRAY_ICON_S * 1000, icon, icon.deleteLater)


def _notify(title: str, text: str) -> int:
    """Send a notification to the service of the session. Returns its number; 0 when there is no service."""
    from PySide6.QtDBus import QDBusConnection, QDBusInterface

    bus = QDBusConnection.sessionBus()
    service = QDBusInterface(_SERVICE, _PATH, _SERVICE, bus) if bus.isConnected() else None
    if service is None or not service.isValid():
        return 0
    service.setTimeout(_TIMEOUT_MS)
    if "body-markup" in (_call(service, "GetCapabilities", "QStringList") or []):
        text = html.escape(text, quote=False)
    # PySide6 sends every integer as a signed one, which the service refuses. The methods of `service`, made from the
    # description that it gives of itself, have the exact types.
    arguments = [
        Q_ARG("QString", "ChatBELLE"),
        Q_ARG("uint", 0),  # replaces no earlier one
        Q_ARG("QString", "chatbelle"),  # icon
        Q_ARG("QString", title),
        Q_ARG("QString", text),
        Q_ARG("QStringList", ["default", "ChatBELLE"]),  # a click
        Q_ARG("QVariantMap", {"desktop-entry": "chatbelle"}),
        Q_ARG("int", -1),  # as long as the desktop likes
    ]
    return int(_call(service, "Notify", "uint", *arguments) or 0)


def _call(service: QObject, method: str, returns: str, *arguments: Any) -> Any:
    """The answer of a method; None where the service does not have it or does not answer."""
    with suppress(RuntimeError):
        direct = Qt.ConnectionType.DirectConnection
        return QMetaObject.invokeMethod(service, method, direct, Q_RETURN_ARG(returns), *arguments)
    return None
