"""Answers to be read: those of a model that were scored highest and lowest, and those that fewer bits made worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import JudgedAnswer, Verdict
from belle.evaluation.scores.quantization import compared_verdicts
from belle.texts import visible

_LONGEST = 2000
"""Characters of a text that is shown."""


@dataclass(frozen=True, slots=True)
class ScoredExample:
    """An answer as a report shows it; long texts are cut."""

    item: str
    category: str
    question: str
    answer: str
    reference: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class FlipExample:
    """The answers of two files of one model to the same item, side by side.

    Attributes:
        reference: a right answer.
        before, after: the answer with many bits and with few, with its score, and why in `reasons`.
    """

    item: str
    category: str
    question: str
    reference: str
    before: str
    after: str
    scores: tuple[float, float]
    reasons: tuple[str, str]


class _HasCategory(Protocol):
    @property
    def category(self) -> str: ...


Example = TypeVar("Example", bound=_HasCategory)


def examples(answers: Iterable[JudgedAnswer], scores: ModelScores, n: int) -> Mapping[str, list[ScoredExample]]:
    """The `n` lowest and highest scored answers of a model, of different classes as far as there are."""
    scored = sorted(
        (
            ScoredExample(
                visible(answer.item.id),
                visible(answer.item.category),
                _cut(answer.question),
                _cut(answer.text),
                _cut(answer.item.reference),
                verdict.score,
                _cut(verdict.reason),
            )
            for answer in answers
            if (verdict := scores.verdicts.get(answer.item.id)) is not None and verdict.score is not None
        ),
        key=lambda example: (example.score, example.item),
    )
    return {"lowest": _spread(scored, n), "highest": _spread(scored[::-1], n)}


def flips(
    reference: ModelScores,
    model: ModelScores,
    before: Iterable[JudgedAnswer],
    after: Iterable[JudgedAnswer],
    n: int,
) -> list[FlipExample]:
    """The `n` answers that lost most, of different classes as far as there are.

    Args:
        reference, model: the scores of the file with many bits and of the one with few.
        before, after: their answers.
        n: how many.
    """
    texts = {answer.item.id: answer.text for answer in after}
    pairs = {one.item: (one, other) for one, other in compared_verdicts(reference, model)}
    lost = [
        _flip(answer, texts[answer.item.id], *pairs[answer.item.id])
        for answer in before
        if answer.item.id in texts and answer.item.id in pairs and _has_lost(*pairs[answer.item.id])
    ]
    lost.sort(key=lambda example: (example.scores[1] - example.scores[0], example.item))
    return _spread(lost, n)


def _has_lost(before: Verdict, after: Verdict) -> bool:
    return (after.score or 0.0) < (before.score or 0.0)


def _flip(answer: JudgedAnswer, after: str, verdict: Verdict, verdict_after: Verdict) -> FlipExample:
    item = answer.item
    return FlipExample(
        visible(item.id),
        visible(item.category),
        _cut(answer.question),
        _cut(item.reference),
        _cut(answer.text),
        _cut(after),
        (verdict.score or 0.0, verdict_after.score or 0.0),
        (_cut(verdict.reason), _cut(verdict_after.reason)),
    )


def _spread(scored: Sequence[Example], n: int) -> list[Example]:
    """The first `n`, one of each class before a second one of any."""
    chosen: list[Example] = []
    rest = list(scored)
    while rest and len(chosen) < n:
        seen: set[str] = set()
        later = []
        for example in rest:
            if example.category in seen or len(chosen) == n:
                later.append(example)
            else:
                seen.add(example.category)
                chosen.append(example)
        rest = later
    return chosen


def _cut(text: str) -> str:
    shown = visible(text[:_LONGEST])
    return shown if len(text) <= _LONGEST else f"{shown}…"
