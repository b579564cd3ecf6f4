"""What a screen reader says without being asked: messages of the window, and that an answer begins or is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.state import Waiting
    from desktop.store.records import StoredMessage

_LONGEST = 400
"""Characters of an answer that are read out; the message itself can be reached by Alt+Up."""
_LATITUDE = 40
"""A text that is cut ends with a whole word, if one ends within so many characters before the cut."""


def announce(widget: QWidget, text: str, *, urgent: bool = False) -> None:
    """Have a screen reader say `text`; an urgent one at once, any other when it has finished its sentence."""
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent  # not needed to paint the window

    event = QAccessibleAnnouncementEvent(widget, text)
    if urgent:
        event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
    QAccessible.updateAccessibility(event)


class AnswerAnnouncer(QObject):
    """Announces the answers of the open conversation: once when they begin, once when they end, and what they wait for.

    Args:
        widget: for which is spoken; it must be visible.
        controller: its signals say what happens.
    """

    def __init__(self, widget: QWidget, controller: ChatController) -> None:
        super().__init__(widget)
        self._widget = widget
        self._busy = False
        self._waiting: Waiting = ""
        self._last: StoredMessage | None = None
        controller.conversation_opened.connect(self._opened)
        controller.message_updated.connect(self._updated)
        controller.busy_changed.connect(self._busy_changed)
        controller.waiting_changed.connect(self._waiting_changed)

    def _opened(self, *_: object) -> None:
        """Whatever `busy_changed` says next is about another conversation, where nothing begins or ends."""
        self._busy, self._last, self._waiting = False, None, ""

    def _waiting_changed(self, waiting: Waiting) -> None:
        if waiting and waiting != self._waiting:
            from desktop.ui.transcript import labels

            announce(self._widget, labels.waiting(waiting))
        self._waiting = waiting

    def _updated(self, message: StoredMessage) -> None:
        if message.role == "assistant" and message.status != "streaming":
            self._last = message

    def _busy_changed(self, busy: bool) -> None:
        if busy and not self._busy:
            self._last = None
            announce(self._widget, translate("Announcement", "The answer begins."))
        elif self._busy and not busy:
            announce(self._widget, _end(self._last))
        self._busy = busy


def _end(answer: StoredMessage | None) -> str:
    """How an answer ended, and its beginning."""
    if answer is None:
        return translate("Announcement", "There is no answer.")
    text = " ".join(answer.text.split())
    if len(text) > _LONGEST:
        end = text.rfind(" ", _LONGEST - _LATITUDE, _LONGEST)  # Chinese has no spaces, or few
        text = text[: end if end > 0 else _LONGEST] + "…"
    said = {
        "stopped": translate("Announcement", "The answer was stopped: {text}"),
        "interrupted": translate("Announcement", "The answer was interrupted: {text}"),
        "error": translate("Announcement", "The answer broke off: {text}"),
        "length": translate("Announcement", "The answer reached its length limit: {text}"),
    }.get(answer.status, translate("Announcement", "The answer is finished: {text}"))
    return said.format(text=text)
