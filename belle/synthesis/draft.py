"""A row in the making, and the record it becomes: a format that training reads, and columns that it passes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from belle.data.rows import Conversation
from belle.prompts import Message

KindName = Literal["instructions", "dialogues", "qa", "choices"]
KINDS: Mapping[KindName, str] = {
    "instructions": "tasks like the seeds, each with its answer (self-instruct)",
    "dialogues": "conversations of several turns, about the labels, the seeds or passages",
    "qa": "questions about passages, with answers",
    "choices": "single-choice and true-or-false questions about passages, with reasons",
}
"""What can be generated, by name."""


@dataclass(slots=True)
class RowDraft:
    """A row in the making.

    Attributes:
        id: of the row.
        kind: see `KINDS`.
        messages: the conversation; the answer at its end may still be missing.
        whole: whether the reply that it is from was read as a whole.
        labels: that it was asked for with, by dimension.
        provenance: how it came about, JSON values.
        instruction, input: the parts of the only question, where it has them.
        asked: how its answer is asked again, to compare.
        lacks_input: whether the instruction speaks of material that is not there.
        passage: that it is about; "" for none.
        letter: of the right option; "" where there are none.
        depth: how many rewritings made it.
        answers: further answers to its question, None for one that failed.
        columns: what is known of its quality, by name of the column.
    """

    id: str
    kind: KindName
    messages: tuple[Message, ...]
    whole: bool
    labels: Mapping[str, str]
    provenance: dict[str, Any]
    instruction: str = ""
    input: str = ""
    asked: tuple[Mapping[str, str], ...] = ()
    lacks_input: bool = False
    passage: str = ""
    letter: str = ""
    depth: int = 0
    answers: list[str | None] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        """Whether the conversation ends with an answer."""
        return self.messages[-1].role == "assistant"

    @property
    def question(self) -> str:
        """All that the user says."""
        return "\n".join(message.content for message in self.messages if message.role == "user")

    @property
    def answer(self) -> str:
        """The last answer; "" while there is none."""
        return self.messages[-1].content if self.is_answered else ""

    @property
    def row(self) -> Conversation:
        """As the rules for training data see it."""
        return Conversation(self.messages, self.id)

    def set_answer(self, text: str) -> None:
        """Set the answer to the last question."""
        self.messages = (*self.messages, Message("assistant", text))

    def record(self) -> dict[str, Any]:
        """The line of the output."""
        columns = {
            "kind": self.kind,
            "parsed": self.whole,
            "question_characters": sum(len(m.content) for m in self.messages if m.role == "user"),
            "answer_characters": sum(len(m.content) for m in self.messages if m.role == "assistant"),
            **self.columns,
            **({"labels": dict(self.labels)} if self.labels else {}),
            "provenance": self.provenance,
        }
        if self.kind == "dialogues":
            names = {"user": "human", "assistant": "assistant"}
            turns = [{"from": names[message.role], "value": message.content} for message in self.messages]
            return {"id": self.id, "conversations": turns, **columns}
        fields = {"instruction": self.instruction, "input": self.input, "output": self.answer}
        return {"id": self.id, **fields, **columns}
