"""What a judge says of answers whose worth is known, so that a reader sees what its scores are worth.

| answers | what a good judge gives |
|---|---|
| the reference itself | nearly 1 |
| the reference of another item of the class | nearly 0 |
| nothing | 0 |
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.judge.verdicts import JudgedAnswer, conversation

REFERENCE, SHUFFLED, EMPTY = "reference", "shuffled reference", "empty answer"


def known_answers(items: Iterable[EvaluationItem], most: int, *, seed: int = 1) -> dict[str, list[JudgedAnswer]]:
    """Answers of known worth to at most `most` items that a judge decides, as many of each class as possible."""
    judged = [item for item in items if item.reference and item.needs_judge]
    chosen = _spread(judged, most, random.Random(seed))  # noqa: S311 – no secret
    return {
        REFERENCE: [_answer(item, item.reference) for item in chosen],
        SHUFFLED: [_answer(item, text) for item, text in _exchanged(chosen)],
        EMPTY: [_answer(item, "") for item in chosen],
    }


def _answer(item: EvaluationItem, text: str) -> JudgedAnswer:
    return JudgedAnswer(item, conversation(item.turns, []), text)


def _spread(items: Sequence[EvaluationItem], most: int, chance: random.Random) -> list[EvaluationItem]:
    """`most` of the items, one of each class in turn."""
    by_class: dict[str, list[EvaluationItem]] = defaultdict(list)
    for item in chance.sample(items, len(items)):
        by_class[item.category].append(item)
    chosen: list[EvaluationItem] = []
    while len(chosen) < most and any(by_class.values()):
        chosen += [rest.pop() for rest in by_class.values() if rest][: most - len(chosen)]
    return chosen


def _exchanged(items: Sequence[EvaluationItem]) -> list[tuple[EvaluationItem, str]]:
    """Each item with the reference of the next one of its class that has another."""
    by_class: dict[str, list[EvaluationItem]] = defaultdict(list)
    for item in items:
        by_class[item.category].append(item)
    exchanged = []
    for same in by_class.values():
        for index, item in enumerate(same):
            others = [
                other.reference for other in same[index + 1 :] + same[:index] if other.reference != item.reference
            ]
            if others:
                exchanged.append((item, others[0]))
    return exchanged
