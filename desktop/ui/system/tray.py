"""The icon in the tray: with it the program goes on when its window is closed."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import set_tooltip


class Tray(QObject):
    """The icon and its menu. A click on the icon asks for the window.

    Args:
        window: whose icon it is.
    """

    show_requested = Signal()
    new_chat_requested = Signal()
    ask_requested = Signal()
    quit_requested = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.icon = QSystemTrayIcon(window.windowIcon(), self)
        self.menu = QMenu(window)
        self.actions: dict[str, QAction] = {}
        for name, signal in (
            ("show", self.show_requested),
            ("new_chat", self.new_chat_requested),
            ("ask", self.ask_requested),
            ("quit", self.quit_requested),
        ):
            if name == "quit":
                self.menu.addSeparator()
            self.actions[name] = self.menu.addAction("")
            self.actions[name].triggered.connect(signal)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.retranslate()
        self.icon.show()
        # The window may be hidden when a dialog, the last visible window, is closed.
        QApplication.setQuitOnLastWindowClosed(False)

    @property
    def is_shown(self) -> bool:
        """Whether a person can reach the icon: some desktops have no tray."""
        return self.icon.isVisible() and QSystemTrayIcon.isSystemTrayAvailable()

    def retranslate(self) -> None:
        """The texts in the present language."""
        texts = {
            "show": translate("Tray", "Show the window"),
            "new_chat": translate("Tray", "New chat"),
            "ask": translate("Tray", "Quick question…"),
            "quit": translate("Tray", "Quit"),
        }
        for name, text in texts.items():
            self.actions[name].setText(text)
        set_tooltip(self.icon, "ChatBELLE")

    def remove(self) -> None:
        """Take the icon away; the last window that is closed ends the program again."""
        QApplication.setQuitOnLastWindowClosed(True)
        self.icon.hide()
        self.menu.deleteLater()
        self.deleteLater()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.show_requested.emit()
