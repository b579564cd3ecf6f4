"""The controls of the fake controller: each writes what it is asked for into the controller's `calls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle.engine.process.commands import Sampling
from belle.engine.process.events import TemplateOption
from belle.prompts import TEMPLATES
from desktop.chat.state import ModelChoice, Notice
from desktop.store.records import ConversationSummary, SearchHit, StoredSummary

if TYPE_CHECKING:
    from tests.support.fake_controller import FakeController


class FakeControl:
    """A part of `FakeController`."""

    def __init__(self, chat: FakeController) -> None:
        self._chat = chat


class FakeConversations(FakeControl):
    """Conversations in the controller's dict."""

    system_prompt = ""

    def summaries(self, limit=100, before=None) -> list[ConversationSummary]:
        ids = {project.id for project in self._chat.projects.projects}
        found = [row for row in self._chat.every_summary() if row.project_id not in ids]
        start = [s.id for s in found].index(before.id) + 1 if before is not None else 0
        return found[start : start + limit]

    def search(self, text) -> list[SearchHit]:
        hits = []
        for conversation in self._chat.stored.values():
            for message in self._chat.paths[conversation.id]:
                place = message.text.lower().find(text.lower())
                if place >= 0:
                    hits.append(
                        SearchHit(
                            conversation.id,
                            conversation.title,
                            message.id,
                            message.text,
                            [(place, place + len(text))],
                            message.created_at,
                        )
                    )
        return hits

    def new_chat(self, project_id=None) -> None:
        self._chat.calls.append(("new_chat",) if project_id is None else ("new_chat", project_id))
        self._chat.projects.new_project = project_id
        self._chat.conversation = None
        self._chat.conversation_opened.emit(None, [])

    def open(self, conversation_id, message_id=None) -> None:
        self._chat.calls.append(("open_conversation", conversation_id))
        self._chat.conversation = self._chat.stored[conversation_id]
        self._chat.conversation_opened.emit(self._chat.conversation, list(self._chat.paths[conversation_id]))

    def begin(self, title, greeting) -> bool:
        self._chat.calls.append(("begin", title, greeting))
        return not self._chat.refuse

    def rename(self, conversation_id, title) -> None:
        self._chat.calls.append(("rename", conversation_id, title))
        self._chat.change(conversation_id, title=title)

    def set_pinned(self, conversation_id, pinned) -> None:
        self._chat.calls.append(("set_pinned", conversation_id, pinned))
        self._chat.change(conversation_id, pinned=pinned)

    def set_system_prompt(self, text) -> bool:
        self._chat.calls.append(("set_system_prompt", text))
        self.system_prompt = text
        return not self._chat.refuse

    def delete(self, conversation_id) -> None:
        self._chat.calls.append(("delete", conversation_id))
        title = self._chat.stored.pop(conversation_id).title
        if self._chat.conversation is not None and self._chat.conversation.id == conversation_id:
            self._chat.conversation = None
            self._chat.conversation_opened.emit(None, [])
        self._chat.conversations_changed.emit()
        self._chat.notice.emit(Notice("deleted", "info", {"title": title}, ("undo",), f"deleted-{conversation_id}"))

    def delete_project(self, project_id, *, with_conversations=False) -> None:
        self._chat.calls.append(("delete_project", project_id, with_conversations))


class FakeMessages(FakeControl):
    """Questions are stored and have no answer."""

    def send(self, text, *files) -> bool:
        self._chat.calls.append(("send", text, *filter(None, files)))
        if self._chat.refuse:
            return False
        self._chat.drafts.pop(self._chat.conversation and self._chat.conversation.id, None)
        if self._chat.conversation is None:
            conversation_id = self._chat.add(text[:40])
            self._chat.conversation = self._chat.stored[conversation_id]
            question = self._chat.message(conversation_id, "user", text)
            self._chat.paths[conversation_id] = [question]
            self._chat.conversation_opened.emit(self._chat.conversation, [question])
        else:
            question = self._chat.message(self._chat.conversation.id, "user", text)
            self._chat.paths[self._chat.conversation.id].append(question)
            self._chat.message_added.emit(question)
        self._chat.conversations_changed.emit()
        return True

    def stop(self) -> None:
        self._chat.calls.append(("stop",))
        self._chat.busy = False
        self._chat.busy_changed.emit(False)

    def answer_now(self) -> None:
        self._chat.calls.append(("answer_now",))

    def regenerate(self, message_id) -> None:
        self._chat.calls.append(("regenerate", message_id))

    def edit(self, message_id, text) -> bool:
        self._chat.calls.append(("edit", message_id, text))
        if not self._chat.refuse:
            self._chat.open_edits.pop(message_id, None)
        return not self._chat.refuse

    def continue_answer(self, message_id) -> None:
        self._chat.calls.append(("continue_answer", message_id))

    def switch_version(self, message_id, step) -> None:
        self._chat.calls.append(("switch_version", message_id, step))


class FakeContext(FakeControl):
    overflow = "refuse"
    summary: StoredSummary | None = None

    def set_overflow(self, overflow, *, as_default=False) -> None:
        self._chat.calls.append(("set_overflow", overflow, as_default))
        self.overflow = overflow

    def count(self) -> None:
        self._chat.calls.append(("count_context",))

    def set_message_pinned(self, message_id, pinned) -> None:
        self._chat.calls.append(("set_message_pinned", message_id, pinned))

    def edit_summary(self, message_id, text) -> bool:
        self._chat.calls.append(("edit_summary", message_id, text))
        return not self._chat.refuse

    def delete_summary(self) -> bool:
        self._chat.calls.append(("delete_summary",))
        return not self._chat.refuse


class FakeDrafting(FakeControl):
    """What is typed, in the controller's dicts."""

    def draft(self, conversation_id) -> str:
        return self._chat.drafts.get(conversation_id, "")

    def set_draft(self, conversation_id, text) -> None:
        self._chat.drafts[conversation_id] = text

    def attachments(self, conversation_id) -> tuple:
        return self._chat.attached.get(conversation_id, ())

    def set_attachments(self, conversation_id, attachments) -> None:
        self._chat.attached[conversation_id] = attachments

    def pictures(self, conversation_id) -> tuple:
        return self._chat.pictured.get(conversation_id, ())

    def set_pictures(self, conversation_id, pictures) -> None:
        self._chat.pictured[conversation_id] = pictures

    def typed_text(self, what, conversation_id) -> str | None:
        return self._chat.typed_texts.get((what, conversation_id))

    def set_typed_text(self, what, conversation_id, text) -> None:
        self._chat.typed_texts[what, conversation_id] = text

    def edits(self, conversation_id) -> dict[int, str]:
        return dict(self._chat.open_edits)

    def set_edit(self, message_id, text) -> None:
        if text is None:
            self._chat.open_edits.pop(message_id, None)
        else:
            self._chat.open_edits[message_id] = text


class FakeModels(FakeControl):
    ref = ""
    thinks: bool | None = None

    def choices(self) -> list[ModelChoice]:
        return self._chat.choices

    def own_sampling(self) -> Sampling:
        return Sampling(temperature=0.35, top_k=30)

    def saved_state_bytes(self) -> int:
        return self._chat.state_bytes

    def set_thinking(self, on) -> None:
        self._chat.calls.append(("set_thinking", on))
        self.thinks = on

    def request_templates(self, messages) -> None:
        text = "\n".join(message.content for message in messages)
        info = self._chat.model.info
        own = [TemplateOption("gguf", "", text)] if info and info.template == "gguf" else []
        options = [TemplateOption(t.id, t.title, f"{t.id}:\n{text}", missing=t.needs) for t in TEMPLATES.values()]
        self._chat.templates_listed.emit((*own, *options))

    def set_template(self, template) -> None:
        self._chat.calls.append(("set_template", template))

    def apply_settings(self) -> None:
        self._chat.calls.append(("apply_settings",))

    def delete_saved_states(self) -> None:
        self._chat.calls.append(("delete_saved_states",))
        self._chat.state_bytes = 0
