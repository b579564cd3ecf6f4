"""The answers of a model that were scored highest and lowest, to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import JudgedAnswer

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


def examples(answers: Iterable[JudgedAnswer], scores: ModelScores, n: int) -> Mapping[str, list[ScoredExample]]:
    """The `n` lowest and highest scored answers of a model, of different classes as far as there are."""
    scored = sorted(
        (
            ScoredExample(
                answer.item.id,
                answer.item.category,
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


def _spread(scored: list[ScoredExample], n: int) -> list[ScoredExample]:
    """The first `n`, one of each class before a second one of any."""
    chosen: list[ScoredExample] = []
    rest = scored
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
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
