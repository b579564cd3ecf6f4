"""What strategies read in the window: the conversation, its scratchpad, its documents, other conversations."""

from __future__ import annotations

from collections.abc import Sequence

from belle.dialogue.conversation import Dialogue, Resources, dialogue_of
from belle.dialogue.recall import chats_tool, recall_of
from belle.dialogue.tools.calculator import CALCULATOR
from belle.dialogue.tools.calendar import calendar_tool
from belle.dialogue.tools.search import SearchResult, search_tool
from belle.dialogue.turn_record import TurnRecord
from desktop.chat.prompt_path import with_attachments
from desktop.chat.strategies.saved_answers import SavedAnswer, saved_answers
from desktop.documents.search import DocumentSearch
from desktop.store import Store, StoredConversation, StoredMessage, StoreError

RECORD = "dialogue"
"""The name in a message's `stats` of how its answer came about; `belle chat` writes the same."""


def dialogue_on(path: Sequence[StoredMessage], conversation: StoredConversation, system_prompt: str) -> Dialogue:
    """The conversation up to its question, the last message of `path`."""
    messages = (
        (message.role, with_attachments(message.text, message.attachments, message.pictures), _record(message))
        for message in path
    )
    return dialogue_of(messages, system=system_prompt, facts=facts_on(path, conversation))


def facts_on(path: Sequence[StoredMessage], conversation: StoredConversation) -> dict[str, str]:
    """The scratchpad at the end of a path: as a person has edited it since the last answer, else as that left it."""
    answers = [message for message in path if message.role == "assistant"]
    last = answers[-1].id if answers else 0
    edited = conversation.strategy.facts
    if edited is not None and conversation.strategy.facts_after == last:
        return dict(edited)
    records = (_record(answer) for answer in reversed(answers))
    return next((dict(record.facts) for record in records if record is not None), {})


def resources_for(store: Store, conversation: StoredConversation, folder: str) -> Resources:
    """The tools, and the answers that are recalled.

    Args:
        folder: of documents; empty for none.
    """

    def saved(text: str) -> list[SavedAnswer]:
        try:
            return saved_answers(store, text, without=conversation.id)
        except StoreError:
            return []

    def documents(query: str) -> list[SearchResult]:
        try:
            found = DocumentSearch(store.database).find(folder, query)
        except StoreError:
            return []
        return [SearchResult(one.path, one.passage.text) for one in found]

    tools = [CALCULATOR, calendar_tool(), *([search_tool("documents", documents)] if folder else []), chats_tool(saved)]
    return Resources(tuple(tools), recall_of(saved))


def _record(message: StoredMessage) -> TurnRecord | None:
    return TurnRecord.from_fields(message.stats.get(RECORD))
