"""Questions that other models answer, too: what they are asked with, and the answers that are stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from desktop.chat.control.context import ContextControl
from desktop.chat.control.conversations import ConversationControl
from desktop.chat.refusals import store_faults
from desktop.chat.state import Notice, OtherAnswer
from desktop.chat.titles import title_of
from desktop.chat.view_model import ChatViewModel
from desktop.documents.cited import KEY
from desktop.store import Store, StoredMessage

if TYPE_CHECKING:
    from belle.engine.process.commands import Generate


class OtherAnswers(QObject):
    """Gives a question to a comparison of models, and stores the answer that is kept.

    Args:
        chat: the open conversation.
        store: has the questions and takes the answers.
        context: says what the context policy of a new conversation is.
        conversations: shows the conversation with the answer.
    """

    def __init__(
        self, chat: ChatViewModel, store: Store, context: ContextControl, conversations: ConversationControl
    ) -> None:
        super().__init__(chat)
        self._chat, self._store, self._context, self._conversations = chat, store, context, conversations

    def request_for(self, message_id: int) -> tuple[StoredMessage, Generate] | None:
        """A question of the open conversation, or that of an answer, and what asks it: with the passages of documents
        that its answer was made from. None where the store refuses."""
        chat = self._chat
        question, request = None, None
        with store_faults(chat.notice.emit):
            message = chat.flushed_message(message_id)
            question = message if message.role == "user" else chat.flushed_message(message.parent_id or 0)
            conversation = self._store.conversation(message.conversation_id)
            request = chat.answers.request_for(conversation, question.id)
            documents = self._documents_of_answer(question)
            if documents:
                from desktop.chat.documents.grounding import with_stored_sources

                request = with_stored_sources(request, documents)
        return (question, request) if question is not None and request is not None else None

    def keep(self, question_id: int | None, question: str, answer: OtherAnswer) -> int | None:
        """Store what another model answered, and show it: as a version below a stored question, or as the answer to
        `question` in a new conversation. Returns the id of the question; None when it was not stored."""
        chat = self._chat
        kept_below: int | None = None
        with store_faults(chat.notice.emit):
            if question_id is None:
                conversation_id = self._store.create_conversation(
                    title=title_of(question), model=chat.models.ref, overflow=self._context.overflow
                ).id
                asked = self._store.add_message(conversation_id, None, "user", question)
            else:
                asked = chat.flushed_message(question_id)
                if chat.answers.has_request(asked.conversation_id):
                    chat.notice.emit(Notice("busy", "warn", {}, (), "keep"))
                    return None
            fields = {**asdict(answer), "stats": {**self._documents_of_answer(asked), **answer.stats}}
            self._store.add_message(asked.conversation_id, asked.id, "assistant", **fields)
            chat.conversations_changed.emit()
            kept_below = asked.id
            self._conversations.open(asked.conversation_id)
        return kept_below

    def _documents_of_answer(self, question: StoredMessage) -> dict[str, Any]:
        """What is stored of documents with the answer to a question on the path, under its key; empty without."""
        conversation = self._store.conversation(question.conversation_id)
        answer = next((m for m in self._chat.answers.path(conversation) if m.parent_id == question.id), None)
        return {name: value for name, value in answer.stats.items() if name == KEY} if answer is not None else {}
