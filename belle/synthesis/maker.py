"""What makes rows of one kind: it asks for them, and reads drafts of rows in the replies."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from belle.clients.chat.answer_file import RowShard
from belle.clients.chat.requests import Decoding
from belle.synthesis.asks import Ask, StepReply
from belle.synthesis.draft import KindName, RowDraft
from belle.synthesis.seeds import TaskLanguage


@dataclass(frozen=True, slots=True)
class MakerOptions:
    """How rows are asked for.

    Attributes:
        proposals: how the model writes questions, and dialogues.
        answers: how it answers a question.
        seed: of all that is drawn at random.
        shard: the part of a run whose requests are made here.
    """

    language: TaskLanguage = "zh"
    proposals: Decoding = field(default_factory=lambda: Decoding(temperature=0.8, top_p=0.95, max_tokens=1024, seed=1))
    answers: Decoding = field(default_factory=lambda: Decoding(temperature=0.0, max_tokens=1024, seed=1))
    seed: int = 1
    shard: RowShard = field(default_factory=RowShard)

    def chance(self, request_id: str) -> random.Random:
        """What is drawn for a request: the same in every run."""
        return random.Random(f"{self.seed} {request_id}")  # noqa: S311 – no secret


@dataclass(frozen=True, slots=True)
class ProposalReading:
    """What a reply has.

    Attributes:
        drafts: rows in the making.
        left_out: for each row that is none, why: a key of `filters.REASONS`.
    """

    drafts: tuple[RowDraft, ...] = ()
    left_out: tuple[str, ...] = ()


class RowMaker(Protocol):
    """Makes rows of one kind.

    Attributes:
        kind: of the rows.
        expected: rows that a request gives when all goes well.
        total: rows there may be in all, roughly; None for no end.
    """

    kind: KindName
    expected: int
    total: int | None

    def ask(self, number: int) -> Ask | None:
        """The request with that number, from 0 on; None where there is nothing more to ask."""

    def read(self, reply: StepReply) -> ProposalReading:
        """The drafts in a reply to `ask`."""

    def accepted(self, draft: RowDraft) -> None:
        """A row was accepted."""


def provenance(reply: StepReply, **more: Any) -> dict[str, Any]:
    """How a row came about."""
    return {
        "model": reply.model,
        "prompt": reply.prompt,
        "request": reply.id,
        "seed": reply.context.get("seed"),
        "at": reply.at,
        **more,
    }


def labels_of(context: Mapping[str, Any]) -> dict[str, str]:
    """The labels that a request was made with."""
    labels = context.get("labels")
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
