"""The main window: shows the controller's signals, and calls it with what the person does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from desktop.i18n import set_language, translate
from desktop.ui.announce import AnswerAnnouncer
from desktop.ui.sidebar.rows import shown_name
from desktop.ui.window.header import model_label
from desktop.ui.window.layout import WindowLayout

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.state import ModelState, Notice, Waiting
    from desktop.settings import Settings
    from desktop.store.records import StoredConversation, StoredMessage
    from desktop.ui.documents.chip import DocumentsChip
    from desktop.ui.transcript import TranscriptView
    from desktop.ui.window.actions import WindowActions
    from desktop.ui.window.banner import BannerStack
    from desktop.ui.window.outside import OutsideWindow
    from desktop.ui.window.welcome import Welcome

_IDLE_MS = 50


class MainWindow(WindowLayout):
    """The main window. Without a controller it can be shown and typed into; `attach` connects one.

    `painted` is emitted once, after the first paint, and `closed` once, at the end.
    """

    painted = Signal()
    closed = Signal()

    def __init__(self, controller: ChatController | None, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        self._conversation: StoredConversation | None = None
        self._pending_jump: tuple[int, str] | None = None
        self._prefilling = False
        self._blocked_by = ""  # key of the notice that blocks sending
        self._attached = self._was_painted = self._complete = False
        self._actions: WindowActions | None = None
        self._outside: OutsideWindow | None = None
        self._quitting = False
        self.quit_requested.connect(self.quit)
        self.ask_requested.connect(self._ask)
        self._update_title()
        self.composer.setFocus(Qt.FocusReason.OtherFocusReason)
        if controller is not None:
            self.attach(controller)

    def attach(self, controller: ChatController) -> None:
        """Connect a controller and show its state."""
        self.controller = controller
        self._attached = True
        self.setAcceptDrops(True)
        self._listen()
        self.composer.restore(controller.drafting.draft(None))
        if self._was_painted:
            self.complete()

    def _listen(self) -> None:
        controller = self.controller
        controller.conversations_changed.connect(self._conversations_changed)
        controller.conversation_opened.connect(self._opened)
        controller.path_changed.connect(self._path_changed)
        controller.message_added.connect(self._message_added)
        controller.message_updated.connect(self._message_updated)
        controller.answer_text.connect(self._answer_text)
        controller.answer_thinking.connect(self._answer_thinking)
        controller.prefill.connect(self._prefill)
        controller.busy_changed.connect(self._busy_changed)
        controller.waiting_changed.connect(self._waiting_changed)
        controller.model_changed.connect(self._model_changed)
        controller.context_usage.connect(self.status.set_context)
        controller.speed.connect(self.status.set_speed)
        controller.notice.connect(self._notice)
        controller.notice_cleared.connect(self._notice_cleared)
        self.settings.changed.connect(self._setting_changed)
        AnswerAnnouncer(self, controller)
        # At once, because these widgets can be used already; `WindowActions` connects the others later.
        self.sidebar.hit_opened.connect(self.jump_to)
        self.composer.send_requested.connect(self._send)
        self.composer.stop_requested.connect(controller.messages.stop)
        self.composer.edit_last_requested.connect(self._edit_last)
        self.composer.draft_changed.connect(controller.drafting.set_draft)
        self._model_changed(controller.model)

    def _send(self, text: str) -> None:
        self.window_actions.send(text)

    def _edit_last(self) -> None:
        self.window_actions.edit_last()

    # Signals of the controller

    def _conversations_changed(self) -> None:
        self.sidebar.reload()
        current = self.controller.conversation
        if current is not None and self._conversation is not None and current.id == self._conversation.id:
            self._conversation = current
        self._update_title()

    def _opened(self, conversation: StoredConversation | None, messages: list[StoredMessage]) -> None:
        self._conversation = conversation
        conversation_id = conversation.id if conversation else None
        if not self.composer.sending:
            self.composer.set_conversation(conversation_id, self.controller.drafting.draft(conversation_id))
        else:  # the new conversation got an id; its text stays until `send` has returned
            self.composer.move_to_conversation(conversation_id)
        self.sidebar.set_open(conversation_id)
        if messages or self._transcript is not None:
            self._show_messages(conversation, messages)
            self.transcript.restore_edits(self.controller.drafting.edits(conversation_id))
        self._show_welcome(shown=not messages)
        self._update_title()
        if self._pending_jump is not None:
            message_id, text = self._pending_jump
            self._pending_jump = None
            self.transcript.highlight(message_id, text)
        if self._complete:
            self.controller.documents.opened()
        if not self.sidebar.isAncestorOf(self.focusWidget() or self):
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _path_changed(self, conversation: StoredConversation, messages: list[StoredMessage]) -> None:
        self._conversation = conversation
        self._show_messages(conversation, messages, keep_position=True)
        self.transcript.restore_edits(self.controller.drafting.edits(conversation.id))
        self._show_welcome(shown=not messages)

    def _show_messages(
        self, conversation: StoredConversation | None, messages: list[StoredMessage], *, keep_position: bool = False
    ) -> None:
        left_out = conversation.left_out if conversation else ()
        summary = self.controller.context.summary if left_out else None
        covered = summary.covers if summary else ()
        self.transcript.set_path(messages, left_out=left_out, covered=covered, keep_position=keep_position)

    def _message_added(self, message: StoredMessage) -> None:
        self._show_welcome(shown=False)
        self._end_prefill()
        self.transcript.append(message)

    def _message_updated(self, message: StoredMessage) -> None:
        self.transcript.update_message(message)

    def _answer_text(self, message_id: int, text: str) -> None:
        self._end_prefill()
        self.transcript.append_text(message_id, text)

    def _answer_thinking(self, message_id: int, text: str) -> None:
        self._end_prefill()
        self.transcript.append_thinking(message_id, text)

    def _prefill(self, done: int, total: int, seconds_left: float | None) -> None:
        self._prefilling = True
        self.transcript.set_prefill(100 * done // max(1, total), seconds_left)

    def _end_prefill(self) -> None:
        if self._prefilling:
            self._prefilling = False
            self.transcript.set_prefill(None, None)

    def _busy_changed(self, busy: bool) -> None:
        self._end_prefill()
        self.composer.set_busy(busy)
        if busy or self._transcript is not None:
            self.transcript.set_busy(busy)
        self.window_actions.set_can_stop(busy)

    def _waiting_changed(self, waiting: Waiting) -> None:
        self.composer.set_waiting(waiting)
        if waiting or self._transcript is not None:
            self.transcript.set_waiting(waiting)
        self.window_actions.set_can_stop(bool(waiting) or self.controller.busy)

    def _model_changed(self, state: ModelState) -> None:
        self.header.set_model(state)
        if self._welcome is not None:
            self._welcome.set_model(state)
        self.status.set_model(model_label(state))

    def _notice(self, notice: Notice) -> None:
        banner = self.banners.show_notice(notice)
        before: QWidget = self.header.more_button
        for control in banner.controls():
            self.setTabOrder(before, control)
            before = control
        if notice.kind in ("read_only", "full_at_start"):
            self._blocked_by = notice.key or notice.kind
            self.composer.set_blocked(translate("Window", "Reading only"))
        if not self.isActiveWindow() and notice.level == "bad":
            QApplication.alert(self)

    def _notice_cleared(self, key: str) -> None:
        if self._banners is not None:
            self._banners.clear(key)

    def _banner_cleared(self, key: str) -> None:
        if key == self._blocked_by:
            self._blocked_by = ""
            self.composer.set_blocked("")

    @property
    def window_actions(self) -> WindowActions:
        """The actions. Created at the first use, after the first paint."""
        if self._actions is None:
            from desktop.ui.window.actions import WindowActions

            self._actions = WindowActions(self, self.controller)
        return self._actions

    @property
    def outside(self) -> OutsideWindow:
        """What is shown outside of the window. Created shortly after the first paint."""
        if self._outside is None:
            from desktop.ui.window.outside import OutsideWindow

            self._outside = OutsideWindow(self, self.controller)
            self._outside.save_code_requested.connect(self.window_actions.code_saving.ask)
            self.window_actions.dialogs.job_changed.connect(self._outside.follow_job)
        return self._outside

    def connect_part(self, part: Welcome | TranscriptView | BannerStack | DocumentsChip) -> None:
        """Connect a widget that was created after the first paint."""
        if part is self._welcome:
            self._welcome.set_model(self.controller.model)
            self.window_actions.connect_welcome(self._welcome)
        elif part is self._transcript:
            self.window_actions.connect_transcript(self._transcript)
        elif part is self._banners:
            self._banners.cleared.connect(self._banner_cleared)
            self.window_actions.connect_banners(self._banners)
        elif part is self._documents_chip:
            self.window_actions.connect_documents(self._documents_chip)

    def paintEvent(self, event: QPaintEvent) -> None:
        """After the first paint, which shows the composer, create the rest of the window."""
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self, self._after_painting)  # not inside a paint event

    def _after_painting(self) -> None:
        if self._attached and not self._complete:
            self.complete()
        self.painted.emit()

    def complete(self) -> None:
        """Create what the first paint did not show: list, welcome page and, a little later, the transcript."""
        from desktop.ui.access import install_roles

        install_roles()
        self._complete = True
        self.window_actions.retranslate()
        self.sidebar.reload()
        self._update_title()
        self._show_welcome(shown=self.pages.currentWidget() is None or self.pages.currentWidget() is self._welcome)
        QTimer.singleShot(_IDLE_MS, self, self._complete_later)

    def _complete_later(self) -> None:
        self.transcript  # noqa: B018  # creates it
        if self.isHidden():  # closed at once: the controller may be closed, too
            return
        documents = self.controller.documents
        documents.changed.connect(self._show_documents)
        documents.progress.connect(self._show_documents)
        self.outside  # noqa: B018  # creates it
        documents.opened()

    def _show_documents(self) -> None:
        """Show the folder of the conversation above the composer, if it has one."""
        state = self.controller.documents.state
        if state.folder:
            self.documents_chip.show_state(state)
        if self._documents_chip is not None:
            self._documents_chip.setVisible(bool(state.folder))

    # Events of the window

    def jump_to(self, conversation_id: int, message_id: int | None, text: str) -> None:
        """Open a conversation at a message, with the searched text marked."""
        self._pending_jump = (message_id, text) if message_id is not None else None
        self.controller.conversations.open(conversation_id, message_id)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept local files."""
        if self.window_actions.dropped.takes(_local_files(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import, attach or load the dropped files."""
        paths = _local_files(event.mimeData())
        if self.window_actions.dropped.takes(paths):
            event.acceptProposedAction()
            # Later: the program that the files come from waits until this event handler returns.
            QTimer.singleShot(0, self, lambda: self.window_actions.dropped.open(paths))

    def changeEvent(self, event: QEvent) -> None:
        """Show the texts in the new language."""
        if event.type() == QEvent.Type.LanguageChange and self._complete:
            self.window_actions.retranslate()
            self._update_title()
            self._model_changed(self.controller.model)
            if self._outside is not None:
                self._outside.retranslate()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """With an icon in the tray, only hide the window. Else end, unless the person wants to stay, see `_end`."""
        if self._outside is not None and self._outside.stays_in_tray and not self._quitting:
            self.controller.save()
            self.remember()
            event.ignore()
            self.hide()
        elif self._end():
            super().closeEvent(event)
        else:
            event.ignore()

    def quit(self) -> None:
        """End the program, also where the window that is closed would stay in the tray."""
        self._quitting = True
        # A hidden window gets no close event.
        if self._end() if self.isHidden() else self.close():
            QApplication.quit()

    def _end(self) -> bool:
        """Save everything and the size of the window. If the store refuses something, ask; False: do not end.

        The answer under way is stopped and stored when the controller is closed.
        """
        if self._attached and not self.controller.save() and not self._confirm_loss():
            self._quitting = False
            return False
        self.remember()
        if self._outside is not None:
            self._outside.close()
        self.closed.emit()
        return True

    # Helpers

    def _ask(self) -> None:
        self.outside.ask()

    def _confirm_loss(self) -> bool:
        from desktop.ui.dialogs.unsaved import UnsavedDialog

        return UnsavedDialog(self).exec() == UnsavedDialog.DialogCode.Accepted

    def _show_welcome(self, *, shown: bool) -> None:
        self.pages.setCurrentWidget(self.welcome if shown else self.transcript)

    def _update_title(self) -> None:
        title = " ".join(self._conversation.title.split()) if self._conversation else ""
        project = self.controller.projects.current if self._attached else None
        self.header.set_title(
            title,
            self._conversation.id if self._conversation else None,
            project=shown_name(project) if project is not None else "",
        )
        shown = title or translate("Window", "New chat")
        self.setWindowTitle(f"{shown} — ChatBELLE")

    def _setting_changed(self, name: str) -> None:
        if name == "window/language":
            set_language(self.settings.value(name, "system"))
        elif name == "window/send_key":
            self.composer.set_send_key(self.settings.value(name, "enter"))


def _local_files(data: QMimeData) -> list[str]:
    """The paths of the files that are dragged; without addresses of other computers."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
