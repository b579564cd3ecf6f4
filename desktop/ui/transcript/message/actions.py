"""The row of small buttons under a message, with the speed of the answer at its right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.ui.announce import announce
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.shortcuts import key_text
from desktop.ui.style.controls import IconButton, label
from desktop.ui.style.icons import icon_size
from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels

if TYPE_CHECKING:
    from desktop.store.records import StoredMessage

_CONFIRMATION_MS = 1500
"""Milliseconds for which a button says that it has copied."""


class ActionBar(QWidget):
    """Buttons `previous`, `next`, `regenerate`, `edit`, `pin`, `speak`, `copy`; emits `chosen` with that name."""

    chosen = Signal(str)

    def __init__(self, message: StoredMessage, parent: QWidget) -> None:
        super().__init__(parent)
        self._message = message
        self._busy = False
        self._open = True
        self._is_unanswered = self._is_read = False
        self._buttons = {
            name: self._make(name, icon_name)
            for name, icon_name in (
                ("previous", "chevron-left"),
                ("next", "chevron-right"),
                ("regenerate", "refresh"),
                ("edit", "edit"),
                ("pin", "pin"),
                ("speak", "speaker"),
                ("copy", "copy"),
            )
        }
        self._version, self._speed = label("quiet", self), label("quiet", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        if message.role == "user":
            row.addStretch(1)
        row.addWidget(self._buttons["previous"])
        row.addWidget(self._version)
        row.addWidget(self._buttons["next"])
        for name in ("regenerate", "edit", "pin", "speak", "copy"):
            row.addWidget(self._buttons[name])
        if message.role != "user":
            row.addStretch(1)
            row.addWidget(self._speed)
        self._confirmation = QTimer(self)
        self._confirmation.setSingleShot(True)
        self._confirmation.setInterval(_CONFIRMATION_MS)
        self._confirmation.timeout.connect(self._reset_copy)
        self.retranslate()

    def button(self, name: str) -> IconButton:
        """The button of a name."""
        return self._buttons[name]

    def set_message(self, message: StoredMessage) -> None:
        """Show the versions and the speed of a changed message."""
        self._message = message
        self.retranslate()

    def set_busy(self, busy: bool) -> None:
        """While an answer is being generated, only copying and looking at versions is possible."""
        self._busy = busy
        self._arrange()

    def set_unanswered(self, is_unanswered: bool) -> None:
        """Whether this is a question without an answer, which can be answered from here."""
        if is_unanswered != self._is_unanswered:
            self._is_unanswered = is_unanswered
            self.retranslate()

    def set_read_aloud(self, is_read: bool) -> None:
        """Whether the message is being read aloud: then the button stops it."""
        if is_read != self._is_read:
            self._is_read = is_read
            self.retranslate()

    def set_open(self, is_open: bool) -> None:
        """Show all buttons, or only those for versions."""
        self._open = is_open
        self._arrange()

    def say_copied(self) -> None:
        """Confirm for a moment that the message was copied."""
        copy = self._buttons["copy"]
        copy.set_icon("check", "good")
        copy.name(labels.copied())
        announce(self, labels.copied())
        self._confirmation.start()

    def retranslate(self) -> None:
        """Set all texts, numbers and sizes again."""
        message = self._message
        self._buttons["previous"].name(labels.previous_version())
        self._buttons["next"].name(labels.next_version())
        self._buttons["regenerate"].name(labels.answer() if message.role == "user" else labels.answer_again())
        self._buttons["edit"].name(labels.edit(message.role))
        self._buttons["pin"].set_icon("pin", "violet" if message.pinned else "ink-2")
        self._buttons["pin"].name(labels.pin(message.pinned), key_text("pin_message"))
        self._buttons["speak"].set_icon("stop" if self._is_read else "speaker", "violet" if self._is_read else "ink-2")
        self._buttons["speak"].name(labels.read_aloud(self._is_read), key_text("read_aloud"))
        self._reset_copy()
        number, count = message.sibling_index + 1, message.sibling_count
        self._version.setText(f"{number}/{count}")
        self._version.setAccessibleName(labels.version(number, count))
        self._speed.setText(labels.speed(message.stats))
        set_tooltip(self._speed, labels.speed_explained(message.stats, message.model))
        self.restyle()

    def restyle(self) -> None:
        """Set the sizes of the current zoom."""
        side = theme().px(28)
        for button in self._buttons.values():
            button.setFixedSize(side, side)
            button.setIconSize(icon_size(16))
        self._arrange()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take clicks between the buttons, which mean nothing."""
        event.accept()

    def _reset_copy(self) -> None:
        self._buttons["copy"].set_icon("copy", "ink-2")
        self._buttons["copy"].setIconSize(icon_size(16))
        self._buttons["copy"].name(labels.copy())

    def _arrange(self) -> None:
        message = self._message
        versions = message.sibling_count > 1
        can_be_answered = self._is_unanswered if message.role == "user" else not message.is_greeting
        shown = {
            "previous": versions,
            "next": versions,
            "regenerate": self._open and not self._busy and can_be_answered,
            "edit": self._open and not self._busy,
            "pin": self._open or message.pinned,
            "speak": message.role == "assistant" and bool(message.text) and (self._open or self._is_read),
            "copy": self._open and bool(message.text),
        }
        for name, visible in shown.items():
            self._buttons[name].setVisible(visible)
        self._buttons["previous"].setEnabled(not self._busy and message.sibling_index > 0)
        self._buttons["next"].setEnabled(not self._busy and message.sibling_index + 1 < message.sibling_count)
        self._version.setVisible(versions)
        self._speed.setVisible(self._open)

    def _make(self, name: str, icon_name: str) -> IconButton:
        button = IconButton(icon_name, parent=self)
        button.setObjectName(name)
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Tab leads here by `KeyboardMessageList`
        button.clicked.connect(lambda: self.chosen.emit(name))
        return button
