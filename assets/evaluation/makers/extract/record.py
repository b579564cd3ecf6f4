"""A text written from a record, and what can be asked about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from assets.evaluation.makers.draft import Check, Draft, Language, contains, number, plain, value_schema

_AROUND = 60
"""Characters that may stand around a name that is asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a record, and its answer."""

    question: str
    reference: str
    check: Check


@dataclass(frozen=True, slots=True)
class Record:
    """A text, and the questions about it, which are as many for every record of the kind."""

    text: str
    asked: Sequence[Asked]


Kind = Callable[[Random], Record]


def every_question(language: Language, kind: Kind) -> list[Draft]:
    """Each question of the kind once, each about a record of its own; before the text, or after it."""
    count = len(kind(Random(0)).asked)  # noqa: S311 - not a secret
    drafts = []
    for place in range(count):
        record = kind(Random(f"extract:{kind.__name__}:{place}"))  # noqa: S311 - not a secret
        asked = record.asked[place]
        parts = (asked.question, record.text) if place % 2 else (record.text, asked.question)
        drafts.append(Draft(language, "\n\n".join(parts), asked.reference, checks=[asked.check]))
    return drafts


def as_json(question: str, value: Any) -> Asked:
    """A question that is answered with this JSON value."""
    return Asked(question, json.dumps(value, ensure_ascii=False), {"type": "json", "schema": value_schema(value)})


def as_number(question: str, value: float) -> Asked:
    """A question that is answered with this number."""
    return Asked(question, plain(value), number(value))


def as_name(question: str, name: str, others: Sequence[str]) -> Asked:
    """A question that is answered with one name, and with none of the others that stand in the text.

    A name inside of a longer one does not count against it.
    """
    return Asked(
        question,
        name,
        contains(name, none=[other for other in others if other not in name], longest=len(name) + _AROUND),
    )


def as_text(question: str, text: str, *forms: str, none: Sequence[str] = ()) -> Asked:
    """A question that is answered with this text, or with another form of it, and without what `none` names."""
    return Asked(question, text, contains(some=[text, *forms], none=none, longest=len(text) + _AROUND))
