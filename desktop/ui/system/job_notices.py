"""Says that a long job has ended, to a person who is in another program meanwhile."""

from __future__ import annotations

import time
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.documents.words import problem
from desktop.ui.library.words import fault
from desktop.ui.notices.text import notice_text
from desktop.ui.system.notifications import SystemNotifications

if TYPE_CHECKING:
    from desktop.chat.state import Notice
    from desktop.documents.progress import IndexProgress
    from desktop.library.jobs import JobState
    from desktop.settings import Settings

_LONG_S = 10.0
"""A folder of documents is read again whenever its conversation is opened; a reading shorter than this is not told."""


class JobNotices(QObject):
    """Makes notifications of what ends; none while a window of the program is active, or when they are switched off.

    Args:
        window: is shown when a notification is clicked, see `clicked`.
        settings: have whether the person wants them.
    """

    clicked = Signal()

    def __init__(self, window: QWidget, settings: Settings) -> None:
        super().__init__(window)
        self._settings = settings
        self._notifications = SystemNotifications(window)
        self._notifications.clicked.connect(self.clicked)
        self._reading_since: dict[str, float] = {}

    def follow_job(self, state: JobState) -> None:
        """A job of the library has changed."""
        name = PurePath(state.ref).name
        if state.outcome == "done":
            text = translate("Notifications", "Choose it from the list of models.")
            self._show(translate("Notifications", "“{name}” is ready").format(name=name), text)
        elif state.outcome == "failed" and state.error is not None:
            self._show(translate("Notifications", "“{name}” is not ready").format(name=name), fault(state.error))

    def follow_exchange(self, notice: Notice) -> None:
        """An export or import has ended."""
        content = notice_text(notice)
        self._show(content.title, content.text)

    def follow_folder(self, progress: IndexProgress) -> None:
        """A folder of documents is being read, or has been."""
        if not (progress.finished or progress.stopped):
            self._reading_since.setdefault(progress.folder, time.monotonic())
            return
        since = self._reading_since.pop(progress.folder, None)
        if since is None or progress.stopped or time.monotonic() - since < _LONG_S:
            return
        name = PurePath(progress.folder).name
        if progress.problem is not None:
            title = translate("Notifications", "The folder “{name}” could not be read").format(name=name)
            self._show(title, problem(progress.problem))
        else:
            text = numbers.counted(
                progress.done - progress.unreadable,
                translate("Notifications", "One document can be asked about."),
                translate("Notifications", "{n} documents can be asked about."),
            )
            self._show(translate("Notifications", "The folder “{name}” is read").format(name=name), text)

    def _show(self, title: str, text: str) -> None:
        if QApplication.activeWindow() is None and self._settings.notifications:
            self._notifications.show(title, text)
