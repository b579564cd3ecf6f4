"""The path of a conversation while it is answered: what the window shows, and what is sent to the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from belle.engine.process.commands import Generate, Sampling
from belle.prompts import Message
from desktop.chat.answer import Answer
from desktop.chat.pictures.files import PictureFiles
from desktop.chat.saved_states import state_name
from desktop.store import Store, StoredConversation, StoredMessage, StoredSummary, StoreError
from desktop.store.records import StoredAttachment, StoredPicture

_BACKTICKS = re.compile("`+")


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


@dataclass(frozen=True, slots=True)
class PathPrompt:
    """What is sent for a path.

    Args:
        messages: all of the path, after the system message if there is one.
        message_ids: the id of each message; None for the system message.
        pinned: indices of the pinned messages.
        summary: the text that replaces messages which no longer fit; empty for none.
        summarised: the indices of these messages.
    """

    messages: tuple[Message, ...]
    message_ids: list[int | None]
    pinned: tuple[int, ...] = ()
    summary: str = ""
    summarised: tuple[int, ...] = ()

    def without(self, left_out: Collection[int]) -> tuple[Message, ...]:
        """The messages that are read when those with the ids `left_out`, or with a summary those it covers, are not."""
        indices = self.summarised or [index for index, number in enumerate(self.message_ids) if number in left_out]
        gone = set(indices)
        return tuple(message for index, message in enumerate(self.messages) if index not in gone)


class RequestBuilder:
    """Makes what is sent for a conversation.

    Args:
        store: has the summaries.
        system_prompt: all that the model reads before the first message.
        sampling: the values that hold in a conversation.
        thinks: whether the model thinks before it answers; None: not set.
        sees: whether the model gets the pictures themselves, instead of the text in them.
    """

    def __init__(
        self,
        store: Store,
        system_prompt: Callable[[StoredConversation], str],
        sampling: Callable[[StoredConversation], Sampling],
        thinks: Callable[[], bool | None],
        sees: Callable[[], bool],
    ) -> None:
        self._sees, self._files = sees, PictureFiles(store)
        self._store, self._system_prompt, self._sampling, self._thinks = store, system_prompt, sampling, thinks

    def summary(self, conversation: StoredConversation, path: Sequence[StoredMessage]) -> StoredSummary | None:
        """The summary that is sent with a path. Raises StoreError."""
        return valid_summary(conversation, path, self._store.summaries([message.id for message in path]))

    def prompt(
        self, conversation: StoredConversation, path: Sequence[StoredMessage], *, for_any_model: bool = False
    ) -> PathPrompt:
        """What is sent for a path, to the present model or to others, which may not see. Raises StoreError."""
        files = self._files if self._sees() and not for_any_model else None
        return prompt_of(self._system_prompt(conversation), path, self.summary(conversation, path), files)

    def request(self, conversation: StoredConversation, prompt: PathPrompt) -> Generate:
        """The request that sends a prompt, without an id. Raises StoreError."""
        return Generate(
            id=0,
            messages=prompt.messages,
            sampling=self._sampling(conversation),
            overflow=conversation.overflow,
            pinned=prompt.pinned,
            summary=prompt.summary,
            summarised=prompt.summarised,
            thinking=self._thinks(),
            conversation=state_name(conversation),
        )


def prompt_of(
    system_prompt: str,
    path: Sequence[StoredMessage],
    summary: StoredSummary | None = None,
    files: PictureFiles | None = None,
) -> PathPrompt:
    """What is sent for a path, with the system prompt that holds and the valid summary (`valid_summary`).

    With `files` the model gets the pictures themselves, without them the text in these. Raises StoreError.
    """
    ids: list[int | None] = [m.id for m in path]
    messages = tuple(_message(m, files) for m in path)
    if system_prompt.strip():
        ids, messages = [None, *ids], (Message("system", system_prompt), *messages)
    pinned = {m.id for m in path if m.pinned}
    covered = covered_by(path, summary) if summary is not None else set()
    return PathPrompt(
        messages,
        ids,
        pinned=tuple(index for index, number in enumerate(ids) if number in pinned),
        summary=summary.text if summary is not None and covered else "",
        summarised=tuple(index for index, number in enumerate(ids) if number in covered),
    )


def _message(message: StoredMessage, files: PictureFiles | None) -> Message:
    if files is None:
        return Message(message.role, with_attachments(message.text, message.attachments, message.pictures))
    text = with_attachments(message.text, message.attachments)
    return Message(message.role, text, pictures=files.refs(message.pictures))


def with_attachments(text: str, attachments: Sequence[StoredAttachment], pictures: Sequence[StoredPicture] = ()) -> str:
    """A question with the text of its files, and the text in its pictures, before it, each under its name."""
    parts = [*map(_fenced, attachments), *map(_picture_text, pictures)]
    return "\n\n".join([*parts, text]) if parts else text


def _fenced(attachment: StoredAttachment) -> str:
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(attachment.text)), default=0))
    cut = f"\n[{attachment.n_cut} characters are left out here]" if attachment.n_cut else ""
    return f"{attachment.name}:\n{fence}\n{attachment.text}{cut}\n{fence}"


def _picture_text(picture: StoredPicture) -> str:
    """What a model that cannot see gets of a picture."""
    if not picture.text.strip():
        return f"[{picture.name}: a picture, which you cannot see]"
    return _fenced(StoredAttachment(f"{picture.name} (the text in this picture)", picture.size, picture.text))


def valid_summary(
    conversation: StoredConversation, path: Sequence[StoredMessage], summaries: Sequence[StoredSummary]
) -> StoredSummary | None:
    """The summary to send for a path: of those valid for it the last that leaves its last question to be asked."""
    questions = [m.id for m in path if m.role == "user"]
    if conversation.overflow != "summarise" or not questions:
        return None
    usable = [s for s in summaries if s.message_id < questions[-1] and s.text.strip()]
    return usable[-1] if usable else None


def covered_by(path: Sequence[StoredMessage], summary: StoredSummary) -> set[int]:
    """The ids of the messages that the summary replaces: not those of a turn in which a message is pinned by now."""
    starts = [index for index, m in enumerate(path) if m.role == "user" or index == 0]
    turns = [path[start:end] for start, end in zip(starts, [*starts[1:], len(path)], strict=True)]
    may_go = {m.id for turn in turns if not any(m.pinned for m in turn) for m in turn}
    return may_go.intersection(summary.covers)
