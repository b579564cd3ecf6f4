"""The conversations as a whole: listed, searched, begun, opened, renamed, pinned, deleted and restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.chat.control.context import ContextControl
from desktop.chat.refusals import store_faults
from desktop.chat.state import Notice
from desktop.chat.view_model import ChatViewModel
from desktop.store import ConversationSummary, SearchHit, Store, StoredConversation, StoredMessage

if TYPE_CHECKING:
    from desktop.store.instructions.projects import DeletedProject
    from desktop.store.records import NewConversation

_ALL = 1 << 40
"""More conversations than there can be."""


class ConversationControl(QObject):
    """What a person does with conversations. The list has changed when `ChatViewModel.conversations_changed` says so.

    Args:
        chat: the open conversation.
        store: has all of them.
        context: says what the context policy of the new conversation is.
    """

    def __init__(self, chat: ChatViewModel, store: Store, context: ContextControl) -> None:
        super().__init__(chat)
        self._chat, self._store, self._context = chat, store, context
        # By the key of its notice: what restores a deleted conversation or project, and the notice.
        self._deleted: dict[str, tuple[Callable[[], None], Notice]] = {}

    # Reading

    def summaries(self, limit: int = 100, before: ConversationSummary | None = None) -> list[ConversationSummary]:
        """A page of the conversations outside of projects; `before` is the last summary of the previous page."""
        # A project that cannot be read must not hide its conversations.
        shown = [project.id for project in self._chat.projects.all()]
        return self._chat.read(lambda: self._store.conversations(limit=limit, before=before, outside=shown), [])

    def search(self, text: str) -> list[SearchHit]:
        """Hits in titles and messages, newest first."""
        return self._chat.read(lambda: self._store.search(text), [])

    @property
    def system_prompt(self) -> str:
        """The system prompt of the open conversation, or of the new one."""
        conversation = self._chat.conversation
        return conversation.system_prompt if conversation else self._chat.read(self._chat.drafting.system_prompt, "")

    # Showing one

    def new_chat(self, project_id: int | None = None) -> None:
        """Show a new conversation, in a project if given; it is stored when its first message is sent."""
        self._chat.drafting.flush()
        self._chat.projects.begin(project_id)
        self._chat.facts.begin()
        self._chat.strategies.begin()
        self._chat.show_conversation(None, [])

    def open(self, conversation_id: int, message_id: int | None = None) -> None:
        """Show a conversation, on the path of `message_id` if given. Answers in other conversations go on."""
        self._chat.drafting.flush()
        with store_faults(self._chat.notice.emit):
            if message_id is not None and not self._chat.answers.has_request(conversation_id):
                self._store.show(message_id)
            conversation = self._store.conversation(conversation_id)
            self._chat.show_conversation(conversation, self._chat.answers.path(conversation))

    def begin(self, title: str, greeting: str) -> bool:
        """Store the new conversation with a first message of the model, and show it. False when it was not stored."""
        begun = False
        self._chat.drafting.flush()
        with store_faults(self._chat.notice.emit):
            conversation_id = self._store.begin_conversation(greeting, **self.new_conversation(title))
            begun = True
            self._chat.drafting.clear_draft(None)
            self.adopt_new(conversation_id)
            self.open(conversation_id)
            self._chat.conversations_changed.emit()
        return begun

    # Changing one

    def rename(self, conversation_id: int, title: str) -> None:
        """Set the title of a conversation; an empty one is ignored."""
        title = title.strip()
        if title and self._chat.change(conversation_id, lambda: self._store.rename(conversation_id, title)):
            self._chat.drafting.set_typed_text("title", conversation_id, None)

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Pin a conversation to the top of the list, or unpin it."""
        self._chat.change(conversation_id, lambda: self._store.set_pinned(conversation_id, pinned))

    def set_system_prompt(self, text: str) -> bool:
        """Set the system prompt of the open conversation, or of the new one. False when it was not stored."""
        drafting, conversation = self._chat.drafting, self._chat.conversation
        if conversation is None:
            drafting.set_system_prompt(text)
            drafting.set_typed_text("system_prompt", None, None)
            return True
        conversation_id = conversation.id
        stored = self._chat.change(conversation_id, lambda: self._store.set_system_prompt(conversation_id, text))
        if stored:
            drafting.set_typed_text("system_prompt", conversation_id, None)
        self._chat.emit_context_usage()
        return stored

    # Deleting and restoring

    def delete(self, conversation_id: int) -> None:
        """Delete a conversation; a notice offers to restore it."""
        with store_faults(self._chat.notice.emit):
            conversation = self._store.conversation(conversation_id)
            self._end_answer(conversation_id)
            self._store.delete_conversation(conversation_id)
            self._forget([conversation])
            notice = Notice("deleted", "info", {"title": conversation.title}, ("undo",), f"deleted-{conversation_id}")
            self._offer_undo(notice, lambda: self._restore(conversation_id))

    def delete_project(self, project_id: int, *, with_conversations: bool = False) -> None:
        """Delete a project, and its conversations if asked for; a notice offers to restore it."""
        with store_faults(self._chat.notice.emit):
            rows = self._store.conversations(limit=_ALL, project_id=project_id) if with_conversations else []
            conversations = [self._store.conversation(row.id) for row in rows]
            for conversation in conversations:
                self._end_answer(conversation.id)
            deleted = self._store.delete_project(project_id, with_conversations=with_conversations)
            self._forget(conversations)
            name, count = deleted.project.settings.name, len(deleted.deleted)
            key = f"deleted-project-{project_id}"
            notice = Notice("project_deleted", "info", {"title": name, "n_conversations": count}, ("undo",), key)
            self._chat.projects.changed.emit()
            self._offer_undo(notice, lambda: self._restore_project(deleted))

    def undo_delete(self, key: str) -> None:
        """Restore what was deleted; if the store refuses, the notice is shown again."""
        restore, notice = self._deleted[key]
        with store_faults(self._chat.notice.emit):
            restore()
            del self._deleted[key]
            self._chat.conversations_changed.emit()
        if key in self._deleted:
            self._chat.notice.emit(notice)

    # The new conversation

    def new_conversation(self, title: str) -> NewConversation:
        """What the new conversation is created with. Raises StoreError."""
        projects = self._chat.projects
        project = projects.current
        return {
            "title": title,
            "system_prompt": self._chat.drafting.system_prompt(),
            "model": projects.model().value or self._chat.models.ref,
            "overflow": self._context.overflow,
            "project_id": project.id if project is not None else None,
            "own_model": projects.new_model,
            "sampling": projects.new_sampling,
            "uses_facts": self._chat.facts.new_uses,
            "strategy": self._chat.strategies.new,
        }

    def adopt_new(self, conversation_id: int) -> None:
        """The new conversation has become this one: the next new one begins with nothing chosen. Raises StoreError."""
        self._context.begin()
        self._chat.folders.adopt(conversation_id)
        self._chat.projects.adopt()
        self._chat.facts.begin()

    def name_by_first_question(self, question: StoredMessage) -> None:
        """Name a conversation that began with a greeting. Raises StoreError."""
        from desktop.chat.titles import title_of

        path = self._store.active_path(question.conversation_id)
        if [message.id for message in path if message.role == "user"] == [question.id]:
            self._store.rename(question.conversation_id, title_of(question.text), auto=True)

    # Helpers

    def _end_answer(self, conversation_id: int) -> None:
        self._chat.answers.cancel(conversation_id)
        self._chat.answers.flush(conversation_id)

    def _forget(self, conversations: list[StoredConversation]) -> None:
        """Deleted conversations have no saved state, and none of them stays open."""
        from desktop.chat.saved_states import state_name

        for conversation in conversations:
            self._chat.models.delete_saved_state(state_name(conversation))
        if any(self._chat.is_open(conversation.id) for conversation in conversations):
            self.new_chat()

    def _offer_undo(self, notice: Notice, restore: Callable[[], None]) -> None:
        self._deleted[notice.key] = restore, notice
        self._chat.conversations_changed.emit()
        self._chat.notice.emit(notice)

    def _restore_project(self, deleted: DeletedProject) -> None:
        self._store.restore_project(deleted)
        self._chat.projects.changed.emit()

    def _restore(self, conversation_id: int) -> None:
        self._store.restore_conversation(conversation_id)
        self.open(conversation_id)
