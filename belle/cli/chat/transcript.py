"""The messages of a conversation in the terminal, and the files that they are saved to and loaded from."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle.documents import read_json_object
from belle.errors import KnownError
from belle.prompts import Message, PictureRef, Role
from belle.prompts.summary import with_summary

_LONGEST_FILE = 256 << 20


@dataclass(slots=True)
class ChatMessage:
    """A question or an answer.

    Args:
        status: as in `desktop.store.records.STATUSES`.
        stored_id: its number among the window's conversations; None where it is not there.
        pinned: stays in the prompt whatever the context policy leaves out.
        pictures: paths of what is seen before the text.
    """

    role: Role
    text: str
    status: str = "complete"
    model: str = ""
    thinking: str = ""
    thinking_seconds: float | None = None
    stats: Mapping[str, Any] = field(default_factory=dict)
    stored_id: int | None = None
    pinned: bool = False
    pictures: tuple[str, ...] = ()

    def as_message(self) -> Message:
        """What is sent of it."""
        return Message(self.role, self.text, pictures=tuple(map(PictureRef, self.pictures)))


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """What is sent to the engine; the fields are those of `belle.engine.process.commands.Generate`."""

    messages: tuple[Message, ...]
    pinned: tuple[int, ...] = ()
    summary: str = ""
    summarised: tuple[int, ...] = ()


@dataclass(slots=True)
class Transcript:
    """A system prompt, empty for none, and what was said.

    Args:
        summary: is read in the place of the messages `summarised`, where not all of them fit.
        left_out: what the last prompt did not contain.
        read_summary: the summary that it contained; empty for none.
    """

    system: str = ""
    messages: list[ChatMessage] = field(default_factory=list)
    summary: str = ""
    summarised: list[ChatMessage] = field(default_factory=list)
    left_out: list[ChatMessage] = field(default_factory=list)
    read_summary: str = ""

    def prompt(self) -> ChatPrompt:
        """What is sent."""
        first = 1 if self.system.strip() else 0
        system = [Message("system", self.system)] if first else []
        gone = {id(message) for message in self.summarised}
        indexed = list(enumerate(self.messages, first))
        return ChatPrompt(
            (*system, *(message.as_message() for message in self.messages)),
            pinned=tuple(index for index, message in indexed if message.pinned),
            summary=self.summary,
            summarised=tuple(index for index, message in indexed if id(message) in gone),
        )

    def as_read(self) -> list[Message]:
        """What the model has read of it, which may be less, with a summary."""
        gone = {id(message) for message in self.left_out}
        system = [Message("system", self.system)] if self.system.strip() else []
        rest = [message.as_message() for message in self.messages if id(message) not in gone]
        return with_summary([*system, *rest], self.read_summary)

    def at(self, indices: Collection[int]) -> list[ChatMessage]:
        """The messages at some indices of the prompt."""
        first = 1 if self.system.strip() else 0
        return [message for index, message in enumerate(self.messages, first) if index in indices]

    @property
    def last_answer(self) -> str:
        """The text of the last answer; empty when there is none."""
        return next((message.text for message in reversed(self.messages) if message.role == "assistant"), "")

    def take_back(self) -> str | None:
        """Remove the last question and what follows it. Returns the question; None when there is none."""
        questions = [index for index, message in enumerate(self.messages) if message.role == "user"]
        if not questions:
            return None
        question = self.messages[questions[-1]].text
        self.cut_at(questions[-1])
        return question

    def cut_at(self, index: int) -> None:
        """Remove all messages from this one on, and a summary that tells of any of them."""
        removed = {id(message) for message in self.messages[index:]}
        del self.messages[index:]
        if any(id(message) in removed for message in self.summarised):
            self.summary, self.summarised = "", []

    def as_text(self, model: str, *, as_json: bool) -> str:
        """The content of a file: JSON, which `loaded` reads, or Markdown."""
        rows = [{"role": message.role, "content": message.content} for message in self.prompt().messages]
        if as_json:
            return json.dumps({"model": model, "messages": rows}, ensure_ascii=False, indent=2) + "\n"
        return "\n\n".join(f"## {row['role']}\n\n{row['content']}" for row in rows) + "\n"


def loaded(path: Path) -> Transcript:
    """The conversation that `/save` wrote to a JSON file.

    Raises KnownError: `not_a_conversation`, and those of `belle.documents.read_json_object`.
    """
    if path.suffix == ".md":
        raise _not_a_conversation(path)
    rows = read_json_object(path, longest=_LONGEST_FILE).get("messages")
    if not isinstance(rows, list):
        raise _not_a_conversation(path)
    transcript = Transcript()
    for row in rows:
        match row:
            case {"role": "system", "content": str(text)} if not transcript.messages:
                transcript.system = text
            case {"role": "user" | "assistant" as role, "content": str(text)}:
                transcript.messages.append(ChatMessage(role, text))
            case _:
                raise _not_a_conversation(path)
    return transcript


def _not_a_conversation(path: Path) -> KnownError:
    return KnownError(
        "not_a_conversation",
        f"{path} is not a conversation that “/save FILE.json” wrote.",
        "It is a JSON object with “messages”, each of which has a “role” and a “content”.",
        path=str(path),
    )
