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
    from desktop.ui.system.quick_ask import QuickAsk
    from desktop.ui.system.tray import Tray
    from desktop.ui.window.layout import WindowLayout


class OutsideWindow(QObject):
    """Notifications about jobs, the icon in the tray, the window for a quick question.

    Args:
        window: the parent of everything here; comes to the front when it is asked for.
        controller: tells what ends.
    """

    save_code_requested = Signal(object)
    """A `Code` of a quick answer that is to become a file."""

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        controller.notice.connect(self._on_notice)
        controller.documents.progress.connect(self._on_folder)
        self._tray: Tray | None = None
        self._quick: QuickAsk | None = None
        self._typed = ""  # in the window for a quick question when it was closed
        window.settings.changed.connect(self._setting_changed)
        self._follow_tray()

    @property
    def stays_in_tray(self) -> bool:
        """Whether the program goes on when the window is closed."""
        return self._tray is not None and self._tray.is_shown

    def retranslate(self) -> None:
        """The texts in the present language."""
        if self._tray is not None:
            self._tray.retranslate()

    def ask(self) -> None:
        """Show the window for a quick question."""
        if self._quick is None:
            from desktop.ui.system.quick_ask import QuickAsk

            self._quick = QuickAsk(self._controller.quick_chat(), self._window.windowIcon())
            self._quick.continue_requested.connect(self._continue)
            self._quick.closed.connect(self._forget_quick)
            self._quick.field.setText(self._typed)
            self._quick.answer.text.save_code.connect(self.save_code_requested)
        self._quick.bring_to_front()

    def close(self) -> None:
        """The program ends."""
        if self._quick is not None:
            self._quick.close()
        self._remove_tray()

    def _remove_tray(self) -> None:
        if self._tray is not None:
            self._tray.remove()
            self._tray = None

    @cached_property
    def _jobs(self) -> JobNotices:
        from desktop.ui.system.job_notices import JobNotices

        notices = JobNotices(self._window, self._window.settings)
        notices.clicked.connect(self._window.bring_to_front)
        return notices

    def follow_job(self, state: JobState) -> None:
        """A job of the library has changed."""
        if state.outcome != "running":
            self._jobs.follow_job(state)

    def _setting_changed(self, name: str) -> None:
        if name == "window/tray":
            self._follow_tray()

    def _follow_tray(self) -> None:
        if not self._window.settings.tray:
            self._remove_tray()
        elif self._tray is None:
            from desktop.ui.system.tray import Tray

            self._tray = Tray(self._window)
            self._tray.show_requested.connect(self._window.bring_to_front)
            self._tray.new_chat_requested.connect(self._new_chat)
            self._tray.ask_requested.connect(self.ask)
            self._tray.quit_requested.connect(self._window.quit_requested)

    def _continue(self) -> None:
        """Show the conversation of the quick question in the window; what is typed goes into its text field."""
        quick = self._quick
        if quick is None:
            return
        if quick.chat.conversation_id is None:
            self._controller.conversations.new_chat()
        else:
            self._controller.conversations.open(quick.chat.conversation_id)
        if quick.typed:
            composer = self._window.composer
            composer.set_text("\n".join(filter(None, (composer.editor.toPlainText(), quick.typed))))
            quick.field.clear()
        quick.close()
        self._window.bring_to_front()

    def _forget_quick(self) -> None:
        self._typed = self._quick.typed if self._quick is not None else ""
        self._quick = None

    def _new_chat(self) -> None:
        self._controller.conversations.new_chat()
        self._window.bring_to_front()

    def _on_notice(self, notice: Notice) -> None:
        if notice.key == EXCHANGE:
            self._jobs.follow_exchange(notice)

    def _on_folder(self, progress: IndexProgress) -> None:
        self._jobs.follow_folder(progress)
