"""One question, or one conversation of several, with what its answer is scored by."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

from belle.errors import KnownError
from belle.evaluation.items.checks import AnswerCheck
from belle.texts import utf8

CLASSES = (
    "math",
    "code",
    "classification",
    "extract",
    "open qa",
    "closed qa",
    "generation",
    "brainstorming",
    "rewrite",
    "translation",
    "summarization",
    "multi-turn",
)
"""The ten classes of BELLE's set, translation (which its paper has), and conversations. A set may have others."""


@dataclass(frozen=True, slots=True)
class EvaluationItem:
    """What is asked, and how the answer is scored.

    Attributes:
        id: unique in its set.
        category: its class, as `class_name` writes it.
        turns: what the person says, in order; the answer to the last one is scored.
        reference: a right answer; "" where there are many or none.
        rubric: what a good answer does, sentences that a judge decides one by one.
        checks: rules that need no judge.
    """

    id: str
    category: str
    turns: tuple[str, ...]
    reference: str = ""
    rubric: tuple[str, ...] = ()
    checks: tuple[AnswerCheck, ...] = ()

    @property
    def needs_judge(self) -> bool:
        """Whether its rules alone do not score an answer: there are none, or there is a rubric beside them."""
        return not self.checks or bool(self.rubric)


@dataclass(frozen=True, slots=True)
class EvaluationItems:
    """The items of one source.

    Attributes:
        name: as people call it.
        digest: SHA-256 of the bytes that it was read from.
    """

    name: str
    digest: str
    items: tuple[EvaluationItem, ...]

    @property
    def classes(self) -> dict[str, int]:
        """Items of each class, in the order of `CLASSES`, then of their first appearance."""
        counts = Counter(item.category for item in self.items)
        known = [name for name in CLASSES if name in counts]
        return {name: counts[name] for name in [*known, *(name for name in counts if name not in CLASSES)]}

    def sample(self, n: int) -> EvaluationItems:
        """`n` of the items, of each class as many as can be, in the order of the set; all where there are no more.

        They depend on the ids alone, so that every model and every run gets the same, and a larger `n` only adds some.
        """
        by_class: dict[str, list[EvaluationItem]] = {name: [] for name in self.classes}
        for item in sorted(self.items, key=lambda item: hashlib.sha256(utf8(item.id)).digest()):
            by_class[item.category].append(item)
        ranks = zip_longest(*by_class.values())
        chosen = {item.id for item in islice((item for rank in ranks for item in rank if item), n)}
        return replace(self, items=tuple(item for item in self.items if item.id in chosen))


def class_name(text: str) -> str:
    """The name of a class in one spelling: BELLE writes `open QA`, `open qa` and `closed\\u00a0qa`."""
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


def set_of(name: str, data: Sequence[bytes], items: Sequence[EvaluationItem]) -> EvaluationItems:
    """The set of `items`, read from the files `data`. Raises KnownError ("bad_items") for an id that occurs twice."""
    twice = [identity for identity, count in Counter(item.id for item in items).items() if count > 1]
    if twice:
        raise KnownError("bad_items", f"{name} has the id “{twice[0]}” twice.", "Give each item an id of its own.")
    if not items:
        raise KnownError("bad_items", f"{name} has no items.", "Give a file with one item a line.")
    digest = hashlib.sha256()
    for part in data:
        digest.update(part)
    return EvaluationItems(name, digest.hexdigest(), tuple(items))
