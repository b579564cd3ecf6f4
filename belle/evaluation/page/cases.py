"""What the page shows: an item with one answer or two, and how they are put side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.judge.verdicts import JudgedAnswer
from belle.texts import utf8

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer in the page.

    Attributes:
        model: that gave it.
        answer: with the conversation up to it.
    """

    model: str
    answer: JudgedAnswer

    @property
    def digest(self) -> str:
        """Of its text, by which an anchor names it."""
        return self.answer.digest


@dataclass(frozen=True, slots=True)
class CaseView:
    """What of an item is looked at.

    Attributes:
        first: a model; "" takes another one for each item, by chance and always the same.
        second: the model beside it; "" for none.
        blind: names are hidden, and by chance the second model may stand on the left.
    """

    first: str = ""
    second: str = ""
    blind: bool = True

    @property
    def is_pair(self) -> bool:
        """Whether two models are compared."""
        return bool(self.second)


@dataclass(frozen=True, slots=True)
class ShownCase:
    """An item, and the answers to it from left to right.

    Attributes:
        item: may be one that was pasted.
        in_set: whether it is of the set: decisions on others are not kept.
        view: what was asked for.
        answers: none, one or two.
    """

    item: EvaluationItem
    in_set: bool
    view: CaseView
    answers: tuple[ShownAnswer, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether there is something to decide on."""
        return len(self.answers) == (2 if self.view.is_pair else 1)


class CaseFinder:
    """Finds the cases of a set.

    Args:
        items: the set.
        answers: by model.
        by: the person, for whom the sides are shuffled.
    """

    def __init__(self, items: EvaluationItems, answers: Mapping[str, Sequence[JudgedAnswer]], by: str) -> None:
        self.items = items
        self._by_id = {item.id: item for item in items.items}
        self._by = by
        self._answers: dict[str, dict[str, ShownAnswer]] = {
            model: {answer.item.id: ShownAnswer(model, answer) for answer in given} for model, given in answers.items()
        }

    @property
    def models(self) -> list[str]:
        """That have answers."""
        return list(self._answers)

    def item(self, identity: str) -> EvaluationItem | None:
        """The item of the set with this id."""
        return self._by_id.get(identity)

    def case(self, item: EvaluationItem, view: CaseView) -> ShownCase:
        """The case of an item of the set; where a model has no answer, it has fewer."""
        given = [self._answers.get(model, {}).get(item.id) for model in self._models(item, view)]
        return ShownCase(item, True, view, tuple(answer for answer in given if answer is not None))

    def find(self, search: str, category: str) -> list[EvaluationItem]:
        """The items of a class ("" for all) that have a text in their id, question or reference."""
        wanted = search.casefold().strip()
        return [
            item
            for item in self.items.items
            if category in ("", item.category)
            and (not wanted or any(wanted in text.casefold() for text in (item.id, *item.turns, item.reference)))
        ]

    def _models(self, item: EvaluationItem, view: CaseView) -> tuple[str, ...]:
        """From left to right."""
        if view.is_pair:
            if not view.blind:
                return (view.first, view.second)
            ordered = sorted((view.first, view.second))  # so that it is the same whichever of them was named first
            return tuple(ordered[::-1] if self._chance(item, *ordered) % 2 else ordered)
        if view.first:
            return (view.first,)
        models = sorted(model for model, given in self._answers.items() if item.id in given)
        return (models[self._chance(item, *models) % len(models)],) if models else ()

    def _chance(self, item: EvaluationItem, *models: str) -> int:
        """A number that looks drawn, and is the same whenever this person looks at this item."""
        seed = utf8(repr((self.items.digest, item.id, models, self._by)))
        return int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "big")
