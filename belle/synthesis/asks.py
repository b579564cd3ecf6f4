"""What a model is asked for a row, and what it answered: the two values that the parts of this room exchange."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from belle.clients.chat.requests import Decoding, RowRequest

Step = Literal["propose", "answer", "again", "judge"]
STEPS: Mapping[Step, str] = {
    "propose": "proposals",
    "answer": "answers",
    "again": "answers to compare",
    "judge": "judgements",
}
"""The steps of a row, with what a request of each asks for."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a run.

    Attributes:
        id: unique in the run.
        messages: `{"role": …, "content": …}`, in order.
        schema: JSON schema of the reply; None for free text.
        context: JSON values that the reply is read with; kept with it.
    """

    id: str
    step: Step
    messages: tuple[Mapping[str, str], ...]
    decoding: Decoding
    schema: Mapping[str, Any] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that the reply depends on."""
        text = repr(([dict(message) for message in self.messages], self.schema))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def request(self) -> RowRequest:
        """As the clients and the engine take it."""
        return RowRequest(self.id, self.messages, self.schema, self.decoding)


@dataclass(frozen=True, slots=True)
class StepReply:
    """A reply, as the journal keeps it.

    Attributes:
        id, step, context: of the `Ask`.
        prompt: its `digest`.
        text: the reply; "" where there is none.
        finish: why it ended: `stop`, `length`, ….
        model: who answered.
        at: when, UTC, ISO 8601.
        cost: in the currency of the endpoints' prices.
        failed: why there is no reply; "" where there is one.
    """

    id: str
    step: Step
    context: Mapping[str, Any]
    prompt: str
    text: str
    finish: str = "stop"
    model: str = ""
    at: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    failed: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether the reply stops in the middle."""
        return self.finish == "length"
