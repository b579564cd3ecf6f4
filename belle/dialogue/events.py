"""What a turn consists of: what a model is asked, and what happens meanwhile."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from belle.dialogue.turn_record import TurnStop
from belle.prompts import Message

Mind = Literal["fast", "slow"]
"""Which model is asked. Only DUMA knows a slow one; where there is none, the fast one is asked in its place."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model is asked.

    Attributes:
        messages: the prompt. All but its end is the same from one step of a turn to the next.
        current: index of the first message of this turn; those before it may be left out where not all fit.
        grammar: GBNF that the text follows; "" for none.
        opening, closing: the text between these is part of the answer. "" and "" where all of it is.
        mind: who is asked.
        thinks: whether a model that can do both thinks first; None: as the person wants it.
        most_tokens: of steps without an answer, besides those that the person allows for an answer.
    """

    messages: tuple[Message, ...]
    current: int
    grammar: str = ""
    opening: str = ""
    closing: str = ""
    mind: Mind = "fast"
    thinks: bool | None = None
    most_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a model has answered.

    Attributes:
        reason: as `belle.engine.process.events.Done` has it.
    """

    text: str
    reason: Literal["end", "stop_string", "length", "stopped", "context_full"] = "end"
    prompt_tokens: int = 0
    reused_tokens: int = 0
    completion_tokens: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether the text does not end by itself."""
        return self.reason in ("length", "context_full")


@dataclass(frozen=True, slots=True)
class StepText:
    """More of the steps: thoughts and actions as the model writes them, results of tools, recalled examples."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerText:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool was called."""

    name: str
    argument: str
    result: str
    failed: bool


@dataclass(frozen=True, slots=True)
class FactChanged:
    """The scratchpad has changed."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Provisional:
    """All of the answer so far was provisional: a slower model is asked, and the answer begins anew."""

    text: str


@dataclass(frozen=True, slots=True)
class SlowFinding:
    """What the slow mind has found."""

    text: str


DialogueEvent = StepText | AnswerText | ToolUsed | FactChanged | Provisional | SlowFinding


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The whole answer, and why the turn ended."""

    text: str
    stop: TurnStop = "finished"


Steps = Generator[DialogueEvent | ModelRequest, ModelReply | None, TurnEnd]
"""A turn under way: yields what happens, and requests, each of which is sent its reply."""

Asking = Generator[DialogueEvent | ModelRequest, ModelReply | None, ModelReply]
"""A part of a turn that returns what a model has said."""


def ask(request: ModelRequest) -> Asking:
    """Ask a model. Returns its reply."""
    reply = yield request
    if reply is None:
        raise RuntimeError("a request was not answered")
    return reply
