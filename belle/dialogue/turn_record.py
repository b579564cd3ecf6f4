"""How an answer came about: kept with it, shown again later, and read by the strategy in the turns after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

TurnStop = Literal["finished", "limit", "repeated", "length", "stopped"]
"""Why a turn ended: it had enough; too many steps; an action that it had done before; an answer that was cut; a
person."""


@dataclass(slots=True)
class TurnUsage:
    """What a turn has cost.

    Attributes:
        calls, slow_calls: answers of models, and how many of them the slow one gave.
        actions: calls of tools.
        prompt_tokens, reused_tokens, completion_tokens: of all calls; `reused_tokens` are those of the prompts that
            were in the KV cache already.
        seconds: from the question to the end of the answer.
        first_words_s: from the question to the first words that the person saw; None where there were none.
    """

    calls: int = 0
    slow_calls: int = 0
    actions: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    first_words_s: float | None = None


@dataclass(slots=True)
class TurnRecord:
    """One turn.

    Attributes:
        strategy: that made it.
        stop: why it ended.
        provisional: of DUMA, what the fast mind said before the slow one was asked; "" where it was not.
        finding: of DUMA, what the slow mind has found.
        facts: the scratchpad after the turn.
        steps: thoughts, actions and results in words, as they were shown.
        usage: what it has cost.
    """

    strategy: str
    stop: TurnStop = "finished"
    provisional: str = ""
    finding: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    steps: str = ""
    usage: TurnUsage = field(default_factory=TurnUsage)

    @property
    def fields(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)

    @staticmethod
    def from_fields(value: object) -> TurnRecord | None:
        """The record whose `fields` these are; None where they are of no record. What is unreadable is left out."""
        if not isinstance(value, Mapping) or not isinstance(value.get("strategy"), str):
            return None
        return TurnRecord(
            value["strategy"],
            provisional=_text(value, "provisional"),
            finding=_text(value, "finding"),
            facts=read_facts(value.get("facts")),
            steps=_text(value, "steps"),
        )


def read_facts(value: object) -> dict[str, str]:
    """A scratchpad from JSON values; what is not a text is left out."""
    if not isinstance(value, Mapping):
        return {}
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
