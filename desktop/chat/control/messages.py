"""The messages of the open conversation: asked, answered, answered again, edited, continued, and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.chat.control.conversations import ConversationControl
from desktop.chat.refusals import store_faults
from desktop.chat.state import AnswerRequest
from desktop.chat.view_model import ChatViewModel
from desktop.store import Store

if TYPE_CHECKING:
    from desktop.store.records import NewConversation, StoredAttachment, StoredPicture


class MessageControl(QObject):
    """What a person does with the messages of the open conversation.

    Args:
        chat: the open conversation.
        store: has the messages.
        conversations: creates the conversation of a first question.
    """

    def __init__(self, chat: ChatViewModel, store: Store, conversations: ConversationControl) -> None:
        super().__init__(chat)
        self._chat, self._store, self._conversations = chat, store, conversations

    def send(
        self,
        text: str,
        attachments: tuple[StoredAttachment, ...] = (),
        pictures: tuple[StoredPicture, ...] = (),
    ) -> bool:
        """Store a question and have it answered. Returns False when it was not stored and the text must stay."""
        chat = self._chat
        if not text.strip() or chat.has_request():
            return False
        stored = False
        with store_faults(chat.notice.emit):
            before = chat.conversation
            if before is not None:
                chat.answers.flush(before.id)  # the question needs its parent in the store
            from desktop.chat.titles import title_of

            new: NewConversation = {} if before else self._conversations.new_conversation(title_of(text))
            question = self._store.add_question(before, text, attachments=attachments, pictures=pictures, **new)
            stored = True  # whatever fails from here on, the composer can be cleared
            chat.drafting.clear_draft(before.id if before else None)
            if before is None:
                self._conversations.adopt_new(question.conversation_id)
            else:
                self._conversations.name_by_first_question(question)
            chat.show_question(question)
            chat.answers.ask(AnswerRequest(question.conversation_id, question.id))
        return stored

    def stop(self) -> None:
        """Stop the answer of the open conversation, or withdraw its question that waits."""
        if self._chat.conversation is not None:
            self._chat.answers.stop(self._chat.conversation.id)

    def answer_now(self) -> None:
        """End the thought of the answer of the open conversation, and go on with the answer."""
        if self._chat.conversation is not None:
            self._chat.answers.answer_now(self._chat.conversation.id)

    def regenerate(self, message_id: int) -> None:
        """Answer again: another version beside `message_id`, or the missing answer to a question."""
        with store_faults(self._chat.notice.emit):
            message = self._chat.flushed_message(message_id)
            question_id = message.id if message.role == "user" else message.parent_id
            if question_id is not None:
                self._chat.answers.ask(AnswerRequest(message.conversation_id, question_id))

    def edit(self, message_id: int, text: str) -> bool:
        """Store a new version of a message. A question is then answered again; an answer is only stored.

        Returns False when it was not stored and the editor must stay.
        """
        if self._chat.has_request() or not text.strip():
            return False
        stored = False
        with store_faults(self._chat.notice.emit):
            edited = self._store.add_version(self._chat.flushed_message(message_id).id, text)
            stored = True
            self._chat.drafting.clear_edit(message_id)
            self._chat.show_path()
            self._chat.conversations_changed.emit()
            if edited.role == "user":
                self._chat.answers.ask(AnswerRequest(edited.conversation_id, edited.id))
        return stored

    def continue_answer(self, message_id: int) -> None:
        """Continue an answer that was cut off."""
        with store_faults(self._chat.notice.emit):
            message = self._chat.flushed_message(message_id)
            if message.parent_id is not None and message.role == "assistant":
                self._chat.answers.ask(AnswerRequest(message.conversation_id, message.parent_id, message.id))

    def switch_version(self, message_id: int, step: int) -> None:
        """Show the previous (-1) or next (+1) version of a message."""
        if self._chat.has_request():
            return
        with store_faults(self._chat.notice.emit):
            self._store.switch_version(self._chat.flushed_message(message_id).id, step)
            self._chat.show_path()
            self._chat.emit_context_usage()
