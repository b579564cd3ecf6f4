"""What a person decides about the context: the policy, the messages that always stay, and the summary.

The changes take effect with the next question: its prompt is made anew from the whole path (`prompt_path.prompt_of`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.chat.refusals import store_faults
from desktop.chat.state import AnswerRequest
from desktop.chat.view_model import ChatViewModel
from desktop.settings import Settings
from desktop.store import Store, StoredSummary

if TYPE_CHECKING:
    from desktop.store.records import Overflow


class ContextControl(QObject):
    """The context policy, pinned messages and summary of the open conversation, or of the new one.

    Args:
        chat: the open conversation.
        store: has all of that.
        settings: the context policy of new conversations.
    """

    def __init__(self, chat: ChatViewModel, store: Store, settings: Settings) -> None:
        super().__init__(chat)
        self._chat, self._store, self._settings = chat, store, settings
        self._next_overflow: Overflow | None = None  # chosen for the new conversation

    def begin(self) -> None:
        """The next new conversation begins with nothing chosen."""
        self._next_overflow = None

    @property
    def overflow(self) -> Overflow:
        """The context policy of the open conversation, or of the new one."""
        if self._chat.conversation is not None:
            return self._chat.conversation.overflow
        return self._next_overflow or self._settings.overflow

    def set_overflow(self, overflow: Overflow, *, as_default: bool = False) -> None:
        """Set the context policy of the open conversation, or of the new one; with `as_default` of all new ones, too.

        A question that was refused because the conversation is too long is asked again.
        """
        if as_default:
            self._settings.set_overflow(overflow)
        if self._chat.conversation is None:
            self._next_overflow = overflow
            return
        conversation_id = self._chat.conversation.id
        if not self._chat.change(conversation_id, lambda: self._store.set_overflow(conversation_id, overflow)):
            return
        self._show_context()
        notice = self._chat.answers.notice_of(conversation_id)
        if notice is not None and overflow in notice.actions:
            self.ask_again(self._chat.answers.pop_notice(conversation_id))

    def count(self) -> None:
        """Count again how full the context is; `context_usage` has the result. Not while an answer is generated."""
        if not self._chat.has_request():
            self._chat.emit_context_usage()

    def set_message_pinned(self, message_id: int, pinned: bool) -> None:
        """Pin a message, so that the model sees it whatever the context policy leaves out, or unpin it."""
        with store_faults(self._chat.notice.emit):
            stored_id = self._chat.flushed_message(message_id).id
            self._store.set_message_pinned(stored_id, pinned)
            self._chat.message_updated.emit(self._store.message(stored_id))
            self.count()

    # The summary

    @property
    def summary(self) -> StoredSummary | None:
        """The summary that is sent in the place of the first messages of the open conversation; None without one."""
        conversation = self._chat.conversation
        return None if conversation is None else self._chat.read(lambda: self._chat.answers.summary(conversation), None)

    def edit_summary(self, message_id: int, text: str) -> bool:
        """Replace the text of the summary that ends with a message. False when it was not stored."""
        stored = False
        with store_faults(self._chat.notice.emit):
            self._store.edit_summary(message_id, text)
            stored = True
            self._show_context()
        return stored

    def delete_summary(self) -> bool:
        """Delete the summary and the earlier ones that it repeats; if it needs one, the next question makes another.

        False when it was not deleted.
        """
        deleted = False
        if self._chat.conversation is not None:
            with store_faults(self._chat.notice.emit):
                path = [message.id for message in self._chat.answers.path(self._chat.conversation)]
                self._store.delete_summaries(path)
                self._store.set_left_out(self._chat.conversation.id, ())
                deleted = True
                self._show_context()
        return deleted

    # Answers to a notice

    def _show_context(self) -> None:
        with store_faults(self._chat.notice.emit):
            if not self._chat.has_request():  # an answer under way is shown where it is
                self._chat.show_path()
        self.count()

    def go_on_with(self, overflow: Overflow, question: AnswerRequest | None) -> None:
        """Ask the question of a notice again, under another context policy."""
        self._change_and_ask_again(question, lambda number: self._store.set_overflow(number, overflow))

    def go_on_without_pins(self, question: AnswerRequest | None) -> None:
        """Ask the question of a notice again, with no message pinned."""
        self._change_and_ask_again(question, self._unpin_all)

    def _unpin_all(self, conversation_id: int) -> None:
        for message in self._chat.answers.path(self._store.conversation(conversation_id)):
            if message.pinned:
                self._store.set_message_pinned(message.id, False)

    def _change_and_ask_again(self, question: AnswerRequest | None, change: Callable[[int], None]) -> None:
        """Make a change to the conversation of a notice's question, and ask that again."""
        if question is None:
            return
        with store_faults(self._chat.notice.emit):
            change(question.conversation_id)
            if self._chat.is_open(question.conversation_id):
                self._chat.show_path()
            self.ask_again(question)

    def ask_again(self, question: AnswerRequest | None) -> None:
        """Ask the question of a notice again, if it still has no answer."""
        if question is None:
            return
        with store_faults(self._chat.notice.emit):
            path = self._chat.answers.path(self._store.conversation(question.conversation_id))
            if path and path[-1].id == question.message_id:
                self._chat.answers.ask(question)
