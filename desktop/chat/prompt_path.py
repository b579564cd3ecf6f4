"""The path of a conversation while it is answered: what the window shows, and what is sent to the model."""

from __future__ import annotations

from dataclasses import replace

from belle.prompts import Message
from desktop.chat.answer import Answer
from desktop.store import StoredConversation, StoredMessage, StoreError


def with_answer(path: list[StoredMessage], answer: Answer) -> list[StoredMessage]:
    """`path` with the text of `answer` so far, which the store may not have."""
    snapshot = answer.snapshot
    ids = [message.id for message in path]
    to_question = path[: ids.index(answer.parent_id) + 1] if answer.parent_id in ids else path
    if snapshot is None:
        return to_question
    if snapshot.id in ids:
        index = ids.index(snapshot.id)
        # The store knows the place among the versions better; everything else is newer in the answer.
        newer = {name: getattr(snapshot, name) for name in ("text", "thinking", "thinking_seconds", "status", "stats")}
        return [*path[:index], replace(path[index], **newer), *path[index + 1 :]]
    return [*to_question, snapshot] if answer.is_unstored and answer.parent_id in ids else path


def up_to(path: list[StoredMessage], message_id: int) -> list[StoredMessage]:
    """`path` up to and including a message. Raises StoreError `not_found` when it is not on the path."""
    ids = [message.id for message in path]
    if message_id not in ids:
        raise StoreError.of("not_found", thing="message", id=message_id)
    return path[: ids.index(message_id) + 1]


def prompt_of(
    conversation: StoredConversation, path: list[StoredMessage]
) -> tuple[list[int | None], tuple[Message, ...]]:
    """The messages to send for a path, after the id of each of them (None for the system message)."""
    ids: list[int | None] = [m.id for m in path]
    messages = tuple(Message(m.role, m.text) for m in path)
    if conversation.system_prompt.strip():
        return [None, *ids], (Message("system", conversation.system_prompt), *messages)
    return ids, messages
