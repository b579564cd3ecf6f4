"""A conversation that the terminal shares with the window: read from the window's store and written to it.

The store is open only while it is read or written. Its lock is held by one process at a time, and a window must not
be kept from opening for as long as somebody chats in a terminal. While a window is open nothing can be written; what is
missing is written as soon as the store can be opened, and at the end to a file of its own.
"""

from __future__ import annotations

import configparser
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from belle import paths
from belle.cli.chat.transcript import ChatMessage, Transcript
from belle.durable import write_text
from belle.engine.process.commands import Overflow
from belle.errors import KnownError
from desktop.chat.prompt_path import covered_by, with_attachments
from desktop.chat.saved_states import state_name
from desktop.chat.strategies.saved_answers import SavedAnswer, saved_answers
from desktop.chat.titles import title_of
from desktop.store import Store, StoredConversation, StoredMessage, StoreError
from desktop.store.records import OVERFLOWS

_LISTED = 5
_MOST_SEARCHED = 100_000
_DEFAULT_STATE_GB = 4

_Change = Callable[[Store, int], object]
"""Writes something of the conversation with this id."""


class SharedConversation:
    """A conversation of the window's store.

    Args:
        conversation: None for one that is created with its first question.
        model: a name of the catalogue or the path of a file, for a conversation that is created.
    """

    def __init__(self, conversation: StoredConversation | None = None, *, model: str = "") -> None:
        self._file = paths.database_file()
        self._conversation = conversation
        self._model = model
        self._changes: list[_Change] = []
        self._earlier: list[tuple[int, list[_Change]]] = []  # of conversations before this one, by their ids

    @property
    def title(self) -> str:
        """The title; empty for a conversation that is not created yet."""
        return self._conversation.title if self._conversation else ""

    @property
    def state_name(self) -> str:
        """The name of the saved KV cache; empty for a conversation that is not created yet."""
        return state_name(self._conversation) if self._conversation else ""

    @property
    def has_changes(self) -> bool:
        """Whether there is something beside messages that the store does not have."""
        return bool(self._earlier or (self._conversation and self._changes))

    def is_behind(self, transcript: Transcript) -> bool:
        """Whether there is something to `save`."""
        return self.has_changes or any(message.stored_id is None for message in transcript.messages)

    def begin_anew(self, overflow: Overflow) -> None:
        """Create another conversation with the next question, for which the same context policy holds."""
        if self._conversation is not None and self._changes:
            self._earlier.append((self._conversation.id, self._changes))
        self._conversation, self._changes = None, []
        self.set_overflow(overflow)

    def set_system_prompt(self, text: str) -> None:
        """Set the system prompt with the next `save`."""
        self._changes.append(lambda store, conversation_id: store.set_system_prompt(conversation_id, text))

    def set_model(self, model: str) -> None:
        """Set the model that answers, a name of the catalogue or the path of a file, with the next `save`."""
        self._model = model
        self._changes.append(lambda store, conversation_id: store.set_model(conversation_id, model))

    def set_overflow(self, overflow: Overflow) -> None:
        """Set what happens when the context is full, with the next `save`."""
        if overflow in OVERFLOWS:
            self._changes.append(lambda store, conversation_id: store.set_overflow(conversation_id, overflow))

    def set_left_out(self, messages: Sequence[ChatMessage], new_summary: str) -> None:
        """Set which messages the last prompt did not contain, and a summary of them, with the next `save`."""

        def write(store: Store, conversation_id: int) -> None:
            # Here: a message gets its id when it is saved, and one that was taken back before that has none.
            ids = [message.stored_id for message in messages if message.stored_id is not None]
            store.set_left_out(conversation_id, ids)
            if new_summary and len(ids) == len(messages):
                store.save_summary(ids, new_summary)

        self._changes.append(write)

    def set_outcome(self, question: ChatMessage, status: str) -> None:
        """Set why a question got no answer, `stopped` or `error`, with the next `save`."""
        message_id = question.stored_id
        if message_id is not None:
            self._changes.append(lambda store, _: store.note_outcome(message_id, status))

    def save(self, transcript: Transcript) -> None:
        """Write what the store does not have: every message below the one before it, and what was set.

        Raises StoreError; what is missing is written by the next call.
        """
        with Store.open(self._file) as store:
            while self._earlier:
                _write(store, *self._earlier[0])
                del self._earlier[0]
            if transcript.messages:
                self._save_messages(store, transcript)
            if self._conversation is not None:
                _write(store, self._conversation.id, self._changes)

    def save_elsewhere(self, transcript: Transcript, model: str) -> Path | None:
        """Save a conversation that the store has not completely to a file for `/load`; None when nothing is missing.

        Raises KnownError.
        """
        if all(message.stored_id is not None for message in transcript.messages):
            return None
        folder = paths.private_folder(paths.unsaved_chats_dir())
        name = time.strftime("%Y-%m-%d-%H%M%S")
        names = (f"{name}.json", *(f"{name}-{number}.json" for number in range(2, 10_000)))
        path = next(path for path in map(folder.joinpath, names) if not path.exists())
        write_text(path, transcript.as_text(model, as_json=True), several_writers=True)
        return path

    def _save_messages(self, store: Store, transcript: Transcript) -> None:
        if self._conversation is None:
            self._conversation = store.create_conversation(
                title=title_of(transcript.messages[0].text), system_prompt=transcript.system, model=self._model
            )
        parent: int | None = None
        for message in transcript.messages:
            if message.stored_id is None:
                message.stored_id = _add(store, self._conversation.id, parent, message)
            parent = message.stored_id


def _write(store: Store, conversation_id: int, changes: list[_Change]) -> None:
    """Make changes, oldest first, and remove from the list those that are made. Raises StoreError."""
    while changes:
        try:
            changes[0](store, conversation_id)
        except StoreError as error:
            if error.kind != "not_found":  # otherwise the conversation was deleted in the window
                raise
        del changes[0]


def _add(store: Store, conversation_id: int, parent: int | None, message: ChatMessage) -> int:
    if message.role == "user":
        return store.add_message(conversation_id, parent, "user", message.text).id
    answer = store.start_answer(conversation_id, parent, message.model)
    store.finish(
        answer.id,
        message.text,
        status=message.status,
        stats=message.stats,
        thinking=message.thinking or None,
        thinking_seconds=message.thinking_seconds,
    )
    return answer.id


def find(wanted: str | None) -> tuple[StoredConversation, Transcript]:
    """A conversation of the store with the messages that are shown, also while a window has it open.

    What the window sends of it is sent here, too: questions with the text of their files, the same summary, and
    the system prompt of the project where the conversation has none.

    Args:
        wanted: its number, its title, or a part of the title that no other has; None for the latest.

    Raises KnownError("no_conversation") and StoreError.
    """
    with _reading() as store:
        conversation = _latest(store) if wanted is None else _named(store, wanted)
        path = store.active_path(conversation.id)
        summaries = store.summaries([message.id for message in path])
        system_prompt = store.system_prompt_of(conversation).value
    transcript = Transcript(system_prompt, [_message(message) for message in path])
    transcript.left_out = [message for message in transcript.messages if message.stored_id in conversation.left_out]
    summary = next((summary for summary in reversed(summaries) if summary.text.strip()), None)
    if summary is not None and (covered := covered_by(path, summary)):
        transcript.summary = summary.text
        transcript.summarised = [message for message in transcript.messages if message.stored_id in covered]
        if conversation.overflow == "summarise" and transcript.left_out:
            transcript.read_summary = summary.text
    return conversation, transcript


def saved_answers_with(text: str) -> list[SavedAnswer]:
    """Answers of all conversations that have to do with a text; none where the store cannot be read."""
    if not paths.database_file().exists():
        return []
    try:
        with _reading() as store:
            return saved_answers(store, text)
    except StoreError:
        return []


@contextlib.contextmanager
def _reading() -> Iterator[Store]:
    path = paths.database_file()
    try:
        store = Store.open(path)
    except StoreError as error:
        if error.kind not in ("in_use", "locked", "read_only", "no_permission", "disk_full"):
            raise
        store = Store.open_for_reading(path)
    with store:
        yield store


def _latest(store: Store) -> StoredConversation:
    summaries = store.conversations(limit=_MOST_SEARCHED)
    if not summaries:
        raise KnownError("no_conversation", "There is no conversation yet.", "Begin one with: belle chat --save")
    return store.conversation(max(summaries, key=lambda summary: (summary.updated_at, summary.id)).id)


def _named(store: Store, wanted: str) -> StoredConversation:
    summaries = store.conversations(limit=_MOST_SEARCHED)
    folded = wanted.casefold()
    matching = (
        [summary for summary in summaries if str(summary.id) == wanted]
        or [summary for summary in summaries if summary.title.casefold() == folded]
        or [summary for summary in summaries if folded and folded in summary.title.casefold()]
    )
    if len(matching) == 1:
        return store.conversation(matching[0].id)
    candidates = sorted(matching or summaries, key=lambda summary: summary.updated_at, reverse=True)[:_LISTED]
    listed = "; ".join(f"{summary.id} “{summary.title}”" for summary in candidates)
    raise KnownError(
        "no_conversation",
        f"Several conversations are called “{wanted}”." if matching else f"There is no conversation “{wanted}”.",
        f"Give the number of one: {listed}." if listed else "Begin one with: belle chat --save",
    )


def _message(message: StoredMessage) -> ChatMessage:
    return ChatMessage(
        message.role,
        with_attachments(message.text, message.attachments, message.pictures),
        message.status,
        message.model,
        message.thinking,
        message.thinking_seconds,
        message.stats,
        message.id,
        message.pinned,
    )


def state_budget() -> int:
    """Bytes that saved KV caches may take together, as set in the window; 0 saves none."""
    settings = configparser.RawConfigParser(strict=False)
    try:
        settings.read(paths.settings_file(), encoding="utf-8")
        gigabytes = settings.getint("model", "state_gb", fallback=_DEFAULT_STATE_GB)
    except (configparser.Error, OSError, ValueError):
        gigabytes = _DEFAULT_STATE_GB
    return max(0, gigabytes) * 10**9
