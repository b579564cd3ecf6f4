"""Connects the window with what the program shows outside of it; each part is imported when it is needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.chat.state import EXCHANGE

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.state import Notice
    from desktop.documents.progress import IndexProgress
    from desktop.library.jobs import JobState
    from desktop.ui.system.job_notices import JobNotices
    from desktop.ui.window.layout import WindowLayout


class OutsideWindow(QObject):
    """Notifications about jobs. `raise_requested`: the window is to come to the front.

    Args:
        window: is the parent of everything here.
        controller: tells what ends.
    """

    raise_requested = Signal()

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        controller.notice.connect(self._on_notice)
        controller.documents.progress.connect(self._on_folder)

    @cached_property
    def _jobs(self) -> JobNotices:
        from desktop.ui.system.job_notices import JobNotices

        notices = JobNotices(self._window, self._window.settings)
        notices.clicked.connect(self.raise_requested)
        return notices

    def follow_job(self, state: JobState) -> None:
        """A job of the library has changed."""
        if state.outcome != "running":
            self._jobs.follow_job(state)

    def _on_notice(self, notice: Notice) -> None:
        if notice.key == EXCHANGE:
            self._jobs.follow_exchange(notice)

    def _on_folder(self, progress: IndexProgress) -> None:
        self._jobs.follow_folder(progress)
