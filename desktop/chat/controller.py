"""The one object the window talks to: everything a person can do is a method, everything that happens is a signal.

A message goes composer → `send` → store (committed) → engine → `answer_text` → transcript. `ChatViewModel` has the open
conversation and the signals, `AnswerQueue` has questions answered, `ModelControl` loads models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from desktop.chat.context_control import ContextControl
from desktop.chat.refusals import store_faults
from desktop.chat.state import ANSWER, AnswerRequest, ModelChoice, ModelState, Notice, OtherAnswer
from desktop.documents.cited import KEY
from desktop.store import ConversationSummary, SearchHit, StoredConversation, StoredMessage

# The engine's modules are imported at their first use, after the window is painted.
if TYPE_CHECKING:
    from belle.engine.process.commands import Generate, Sampling
    from belle.prompts import Message
    from desktop.chat.beside.quick_chat import QuickChat
    from desktop.chat.files.attaching import Attaching
    from desktop.chat.files.exchange import Exchange
    from desktop.chat.model_server import ModelServer
    from desktop.model_settings import LoadSettings
    from desktop.store.drafts import TypedField
    from desktop.store.instructions.projects import DeletedProject
    from desktop.store.records import NewConversation, StoredAttachment

_ALL = 1 << 40
"""More conversations than there can be."""


class ChatController(ContextControl):
    """Everything the window can do."""

    # State

    @property
    def model(self) -> ModelState:
        """The present state of the model."""
        return self._models.state

    @property
    def model_ref(self) -> str:
        """Catalogue name or path of the model that is loaded or being loaded; empty when there is none."""
        return self._models.ref

    @property
    def system_prompt(self) -> str:
        """The system prompt of the open conversation, or of the new one."""
        return self._conversation.system_prompt if self._conversation else self._read(self._drafting.system_prompt, "")

    def summaries(self, limit: int = 100, before: ConversationSummary | None = None) -> list[ConversationSummary]:
        """A page of the conversations outside of projects; `before` is the last summary of the previous page."""
        # A project that cannot be read must not hide its conversations.
        shown = [project.id for project in self.projects.all()]
        return self._read(lambda: self._store.conversations(limit=limit, before=before, outside=shown), [])

    def search(self, text: str) -> list[SearchHit]:
        """Hits in titles and messages, newest first."""
        return self._read(lambda: self._store.search(text), [])

    def models(self) -> list[ModelChoice]:
        """The entries of the model menu."""
        return self._models.choices()

    @property
    def thinks(self) -> bool | None:
        """Whether the model thinks before it answers; None where that cannot be switched."""
        info = self.model.info
        return self._models.thinks() is not False if info is not None and info.can_switch_thinking else None

    def set_thinking(self, on: bool) -> None:
        """Set whether the present model thinks before it answers; remembered for this model."""
        self._models.set_thinking(on)

    def own_sampling(self) -> Sampling:
        """The recommended sampling values of the model, else our defaults."""
        return self._models.own_sampling()

    def sampling(self) -> Sampling:
        """The sampling values that questions are asked with."""
        return self._models.sampling()

    def loaded_with(self) -> LoadSettings | None:
        """What the present model is loaded with; None without one."""
        return self._models.loaded_with()

    @cached_property
    def exchange(self) -> Exchange:
        """Export and import of conversations."""
        from desktop.chat.files.exchange import Exchange

        exchange = Exchange(self._store, self.save, self)
        exchange.notice.connect(self.notice)
        exchange.imported.connect(self.conversations_changed)
        return exchange

    @cached_property
    def attaching(self) -> Attaching:
        """Files that are to go along with a question."""
        from desktop.chat.files.attaching import Attaching

        attaching = Attaching(self._models.host, self)
        attaching.notice.connect(self.notice)
        return attaching

    def quick_chat(self) -> QuickChat:
        """A new conversation beside the open one."""
        from desktop.chat.beside.quick_chat import QuickChat

        chat = QuickChat(
            self._store, self._answers, lambda: (self._models.ref, self._settings.overflow), self.notice.emit, self
        )
        chat.stored.connect(self.conversations_changed)
        return chat

    # Conversations

    def new_chat(self, project_id: int | None = None) -> None:
        """Show a new conversation, in a project if given; it is stored when its first message is sent."""
        self._drafting.flush()
        self.projects.begin(project_id)
        self.facts.begin()
        self._conversation = None
        self.conversation_opened.emit(None, [])
        self._emit_state()
        self._emit_notice()
        self.speed.emit(None)
        self._emit_context_usage()

    def open_conversation(self, conversation_id: int, message_id: int | None = None) -> None:
        """Show a conversation, on the path of `message_id` if given. Answers in other conversations go on."""
        self._drafting.flush()
        with store_faults(self.notice.emit):
            if message_id is not None and not self._answers.has_request(conversation_id):
                self._store.show(message_id)
            conversation = self._store.conversation(conversation_id)
            path = self._answers.path(conversation)
            self._conversation = conversation
            self._failed.discard(conversation_id)
            self.conversation_opened.emit(conversation, path)
            self._report_damage()
            self._emit_state()
            self._emit_notice()
            self.speed.emit(_speed_of(path))
            self._emit_context_usage()

    def rename(self, conversation_id: int, title: str) -> None:
        """Set the title of a conversation; an empty one is ignored."""
        title = title.strip()
        if title and self._change(conversation_id, lambda: self._store.rename(conversation_id, title)):
            self._drafting.set_typed_text("title", conversation_id, None)

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Pin a conversation to the top of the list, or unpin it."""
        self._change(conversation_id, lambda: self._store.set_pinned(conversation_id, pinned))

    def set_system_prompt(self, text: str) -> bool:
        """Set the system prompt of the open conversation, or of the new one. False when it was not stored."""
        if self._conversation is None:
            self._drafting.set_system_prompt(text)
            self._drafting.set_typed_text("system_prompt", None, None)
            return True
        conversation_id = self._conversation.id
        stored = self._change(conversation_id, lambda: self._store.set_system_prompt(conversation_id, text))
        if stored:
            self._drafting.set_typed_text("system_prompt", conversation_id, None)
        self._emit_context_usage()
        return stored

    def delete(self, conversation_id: int) -> None:
        """Delete a conversation; a notice offers to restore it."""
        with store_faults(self.notice.emit):
            conversation = self._store.conversation(conversation_id)
            self._answers.cancel(conversation_id)
            self._answers.flush(conversation_id)
            self._store.delete_conversation(conversation_id)
            self._forget_state(conversation)
            if self._is_open(conversation_id):
                self.new_chat()
            notice = Notice("deleted", "info", {"title": conversation.title}, ("undo",), f"deleted-{conversation_id}")
            self._offer_undo(notice, lambda: self._restore(conversation_id))

    def delete_project(self, project_id: int, *, with_conversations: bool = False) -> None:
        """Delete a project, and its conversations if asked for; a notice offers to restore it."""
        with store_faults(self.notice.emit):
            rows = self._store.conversations(limit=_ALL, project_id=project_id) if with_conversations else []
            conversations = [self._store.conversation(row.id) for row in rows]
            for conversation in conversations:
                self._answers.cancel(conversation.id)
                self._answers.flush(conversation.id)
            deleted = self._store.delete_project(project_id, with_conversations=with_conversations)
            for conversation in conversations:
                self._forget_state(conversation)
            if any(self._is_open(conversation.id) for conversation in conversations):
                self.new_chat()
            name, count = deleted.project.settings.name, len(deleted.deleted)
            key = f"deleted-project-{project_id}"
            notice = Notice("project_deleted", "info", {"title": name, "n_conversations": count}, ("undo",), key)
            self.projects.changed.emit()
            self._offer_undo(notice, lambda: self._restore_project(deleted))

    def undo_delete(self, key: str) -> None:
        """Restore what was deleted; if the store refuses, the notice is shown again."""
        restore, notice = self._deleted[key]
        with store_faults(self.notice.emit):
            restore()
            del self._deleted[key]
            self.conversations_changed.emit()
        if key in self._deleted:
            self.notice.emit(notice)

    # Unsaved text

    def draft(self, conversation_id: int | None) -> str:
        """The text in the composer of a conversation; None means the new one."""
        return self._read(lambda: self._drafting.draft(conversation_id), "")

    def save_draft(self, conversation_id: int | None, text: str) -> None:
        """The text in the composer has changed; it is stored a moment later."""
        self._drafting.set_draft(conversation_id, text)

    def draft_attachments(self, conversation_id: int | None) -> tuple[StoredAttachment, ...]:
        """The files above the composer of a conversation; None means the new one."""
        return self._read(lambda: self._drafting.attachments(conversation_id), ())

    def save_draft_attachments(self, conversation_id: int | None, attachments: tuple[StoredAttachment, ...]) -> None:
        """The files above the composer have changed; they are stored a moment later."""
        self._drafting.set_attachments(conversation_id, attachments)

    def typed_text(self, what: TypedField, conversation_id: int | None) -> str | None:
        """The text typed for the title or the system prompt of a conversation and not saved; None: none."""
        return self._read(lambda: self._drafting.typed_text(what, conversation_id), None)

    def save_typed_text(self, what: TypedField, conversation_id: int | None, text: str | None) -> None:
        """The text typed for the title or the system prompt has changed; None: it was discarded."""
        self._drafting.set_typed_text(what, conversation_id, text)

    def edits(self) -> Mapping[int, str]:
        """The open edits of the open conversation: message id → text in its editor."""
        if self._conversation is None:
            return {}
        conversation_id = self._conversation.id
        return self._read(lambda: self._drafting.edits(conversation_id), {})

    def save_edit(self, message_id: int, text: str | None) -> None:
        """The text in the editor of a message has changed; None: it was closed without saving."""
        self._drafting.set_edit(message_id, text)

    # Messages

    def send(self, text: str, attachments: tuple[StoredAttachment, ...] = ()) -> bool:
        """Store a question and have it answered. Returns False when it was not stored and the text must stay."""
        if not text.strip() or self._has_request():
            return False
        stored = False
        with store_faults(self.notice.emit):
            before = self._conversation
            if before is not None:
                self._answers.flush(before.id)  # the question needs its parent in the store
            from desktop.chat.titles import title_of

            new: NewConversation = {} if before is not None else self._new_conversation(title_of(text))
            question = self._store.add_question(before, text, attachments=attachments, **new)
            stored = True  # whatever fails from here on, the composer can be cleared
            self._drafting.clear_draft(before.id if before else None)
            if before is None:
                self._adopt_new(question.conversation_id)
            else:
                self._name_by_first_question(question)
            self._conversation = self._store.conversation(question.conversation_id)
            if question.parent_id is not None:
                self.message_added.emit(question)
            else:
                self.conversation_opened.emit(self._conversation, [question])
            self.conversations_changed.emit()
            self._answers.ask(AnswerRequest(question.conversation_id, question.id))
        return stored

    def begin(self, title: str, greeting: str) -> bool:
        """Store the new conversation with a first message of the model, and show it. False when it was not stored."""
        begun = False
        self._drafting.flush()
        with store_faults(self.notice.emit):
            conversation_id = self._store.begin_conversation(greeting, **self._new_conversation(title))
            begun = True
            self._drafting.clear_draft(None)
            self._adopt_new(conversation_id)
            self.open_conversation(conversation_id)
            self.conversations_changed.emit()
        return begun

    def stop(self) -> None:
        """Stop the answer of the open conversation, or withdraw its question that waits."""
        if self._conversation is not None:
            self._answers.stop(self._conversation.id)

    def answer_now(self) -> None:
        """End the thought of the answer of the open conversation, and go on with the answer."""
        if self._conversation is not None:
            self._answers.answer_now(self._conversation.id)

    def regenerate(self, message_id: int) -> None:
        """Answer again: another version beside `message_id`, or the missing answer to a question."""
        with store_faults(self.notice.emit):
            message = self._flushed_message(message_id)
            question_id = message.id if message.role == "user" else message.parent_id
            if question_id is not None:
                self._answers.ask(AnswerRequest(message.conversation_id, question_id))

    def edit(self, message_id: int, text: str) -> bool:
        """Store a new version of a message. A question is then answered again; an answer is only stored.

        Returns False when it was not stored and the editor must stay.
        """
        if self._has_request() or not text.strip():
            return False
        stored = False
        with store_faults(self.notice.emit):
            edited = self._store.add_version(self._flushed_message(message_id).id, text)
            stored = True
            self._drafting.clear_edit(message_id)
            self._show_path()
            self.conversations_changed.emit()
            if edited.role == "user":
                self._answers.ask(AnswerRequest(edited.conversation_id, edited.id))
        return stored

    def continue_answer(self, message_id: int) -> None:
        """Continue an answer that was cut off."""
        with store_faults(self.notice.emit):
            message = self._flushed_message(message_id)
            if message.parent_id is not None and message.role == "assistant":
                self._answers.ask(AnswerRequest(message.conversation_id, message.parent_id, message.id))

    def switch_version(self, message_id: int, step: int) -> None:
        """Show the previous (-1) or next (+1) version of a message."""
        if self._has_request():
            return
        with store_faults(self.notice.emit):
            self._store.switch_version(self._flushed_message(message_id).id, step)
            self._show_path()
            self._emit_context_usage()

    def request_for(self, message_id: int) -> tuple[StoredMessage, Generate] | None:
        """A question of the open conversation, or that of an answer, and what asks it: with the passages of documents
        that its answer was made from. None where the store refuses."""
        question, request = None, None
        with store_faults(self.notice.emit):
            message = self._flushed_message(message_id)
            question = message if message.role == "user" else self._flushed_message(message.parent_id or 0)
            conversation = self._store.conversation(message.conversation_id)
            request = self._answers.request_for(conversation, question.id)
            documents = self._documents_of_answer(question)
            if documents:
                from desktop.chat.documents.grounding import with_stored_sources

                request = with_stored_sources(request, documents)
        return (question, request) if question is not None and request is not None else None

    def keep_answer(self, question_id: int | None, question: str, answer: OtherAnswer) -> int | None:
        """Store what another model answered, and show it: as a version below a stored question, or as the answer to
        `question` in a new conversation. Returns the id of the question; None when it was not stored."""
        kept_below: int | None = None
        with store_faults(self.notice.emit):
            if question_id is None:
                title, model = self._new_conversation(question)["title"], self._models.ref
                conversation_id = self._store.create_conversation(title=title, model=model, overflow=self.overflow).id
                asked = self._store.add_message(conversation_id, None, "user", question)
            else:
                asked = self._flushed_message(question_id)
                if self._answers.has_request(asked.conversation_id):
                    return None
            fields = {**asdict(answer), "stats": {**self._documents_of_answer(asked), **answer.stats}}
            self._store.add_message(asked.conversation_id, asked.id, "assistant", **fields)
            self.conversations_changed.emit()
            kept_below = asked.id
            self.open_conversation(asked.conversation_id)
        return kept_below

    def _documents_of_answer(self, question: StoredMessage) -> dict[str, Any]:
        """What is stored of documents with the answer to a question on the path, under its key; empty without."""
        conversation = self._store.conversation(question.conversation_id)
        answer = next((m for m in self._answers.path(conversation) if m.parent_id == question.id), None)
        return {name: value for name, value in answer.stats.items() if name == KEY} if answer is not None else {}

    # The model

    def start(self, model: str = "") -> None:
        """Purge deleted conversations and load a model: `model` if it can be, else the last one used.

        Called once, when the window is shown.
        """
        from desktop.chat.saved_states import delete_orphans, saved_states

        if not self._store.is_read_only:
            # Here and not when they are deleted, because a deletion can be undone until the program ends.
            with store_faults(self.notice.emit):
                self._store.purge_deleted(older_than_s=0)
            delete_orphans(self._store)
            # The model that was in use when the setting was made smaller has saved its conversation as it ended.
            saved_states().shrink(self._settings.state_budget)
        self._models.start(model)

    def load_model(self, ref: str) -> None:
        """Load a model by catalogue name or path. A file that cannot be used is refused, and the present one stays.

        Where the project of the open conversation has another, it is chosen for this conversation alone.
        """
        self.projects.choose_model(ref)

    def request_templates(self, messages: tuple[Message, ...]) -> None:
        """Request the prompt templates to choose from, each rendering `messages`; `templates_listed` answers."""
        self._models.request_templates(messages)

    def set_template(self, template: str) -> None:
        """Use another prompt template; it is remembered for the file."""
        self._models.set_template(template)

    def apply_settings(self) -> None:
        """Load the model again, with changed settings (context length, threads, saved states)."""
        self._models.apply_settings()

    def saved_state_bytes(self) -> int:
        """The size of all saved states on the disk, in bytes."""
        from desktop.chat.saved_states import saved_states

        return saved_states().used_bytes()

    def delete_saved_states(self) -> None:
        """Delete all saved states; the model reads a conversation again when it continues."""
        from desktop.chat.saved_states import saved_states

        self._models.forget("")  # it has one in memory, and would save it when it ends
        saved_states().clear()

    def act(self, key: str, action: str) -> None:
        """Do what a button of a notice says."""
        self.notice_cleared.emit(key)
        question = self.dismiss(key)
        match action:
            case "undo":
                self.undo_delete(key)
            case "drop_oldest" | "cut_middle" | "summarise":
                self._go_on_with(action, question)
            case "unpin_all":
                self._go_on_without_pins(question)
            case "larger_context":
                self._models.change_context(2.0)
                self._ask_again(question)
            case "smaller_context":
                self._models.change_context(0.5)
            case "edit_question":
                self._edit_question(question)
            case "open_imported":
                self.open_conversation(self.exchange.newest_import)
            case "restart_engine":
                self._models.reload()
            case "new_chat":
                self.new_chat()

    def dismiss(self, key: str) -> AnswerRequest | None:
        """A notice was closed and must not come back. Returns the question of the open conversation it was about."""
        if key != ANSWER or self._conversation is None:
            return None
        return self._answers.pop_notice(self._conversation.id)

    @cached_property
    def server(self) -> ModelServer:
        """What serves the model to other programs, while the person has switched it on."""
        from desktop.chat.model_server import ModelServer

        return ModelServer(self)

    def serve(self, on: bool) -> None:
        """Serve the present model to other programs on this computer, or stop that."""
        info = self.model.info
        if not on:
            self.server.stop()
        elif info is not None:
            self.server.start(info.path, self._models.loaded_with())

    def close(self) -> None:
        """Store the answer so far and end the engine. The store stays open; its owner closes it."""
        # A `cached_property` is in `__dict__` once it was used: nothing is created only to be closed.
        if "exchange" in self.__dict__:
            self.exchange.close()
        # The order matters: the answer is stored before its engine ends.
        if "server" in self.__dict__:
            self.server.close()
        if "_answers" in self.__dict__:
            self._answers.close()
        self._models.close()
        if "_drafting" in self.__dict__:
            self._drafting.close()
        if "_folders" in self.__dict__:
            self._folders.close()

    def save(self) -> bool:
        """Store everything that is not stored yet; False when the store refuses something."""
        stored = self._answers.save_all() if "_answers" in self.__dict__ else True
        return (self._drafting.flush() if "_drafting" in self.__dict__ else True) and stored

    def _forget_state(self, conversation: StoredConversation) -> None:
        """Delete the saved state of a conversation, and keep the engine from writing it again."""
        from desktop.chat.saved_states import saved_states, state_name

        name = state_name(conversation)
        saved_states().delete(name)
        self._models.forget(name)

    def _edit_question(self, question: AnswerRequest | None) -> None:
        if question is not None:
            self.edit_requested.emit(question.message_id)

    # Helpers

    def _new_conversation(self, title: str) -> NewConversation:
        """What the new conversation is created with. Raises StoreError."""
        project = self.projects.current
        return {
            "title": title,
            "system_prompt": self._drafting.system_prompt(),
            "model": self.projects.model().value or self._models.ref,
            "overflow": self.overflow,
            "project_id": project.id if project is not None else None,
            "own_model": self.projects.new_model,
            "sampling": self.projects.new_sampling,
            "uses_facts": self.facts.new_uses,
        }

    def _adopt_new(self, conversation_id: int) -> None:
        """The new conversation has become this one: the next new one begins with nothing chosen. Raises StoreError."""
        self._next_overflow = None
        self._folders.adopt(conversation_id)
        self.projects.adopt()
        self.facts.begin()

    def _name_by_first_question(self, question: StoredMessage) -> None:
        """Name a conversation that began with a greeting. Raises StoreError."""
        from desktop.chat.titles import title_of

        path = self._store.active_path(question.conversation_id)
        if [message.id for message in path if message.role == "user"] == [question.id]:
            self._store.rename(question.conversation_id, title_of(question.text), auto=True)

    def _offer_undo(self, notice: Notice, restore: Callable[[], None]) -> None:
        self._deleted[notice.key] = restore, notice
        self.conversations_changed.emit()
        self.notice.emit(notice)

    def _restore_project(self, deleted: DeletedProject) -> None:
        self._store.restore_project(deleted)
        self.projects.changed.emit()

    def _restore(self, conversation_id: int) -> None:
        self._store.restore_conversation(conversation_id)
        self.open_conversation(conversation_id)


def _speed_of(path: list[StoredMessage]) -> float | None:
    """Tokens per second of the last answer."""
    speeds = [message.stats.get("tokens_per_s") for message in path if message.role == "assistant"]
    return speeds[-1] if speeds and isinstance(speeds[-1], int | float) else None
