"""Scores answers to MME as its authors do, with intervals.

The score of a sub-task is 100 · accuracy + 100 · accuracy+, at most 200: accuracy is the share of questions that are
answered right, accuracy+ the share of pictures of which both are. The sums over the ten sub-tasks of perception and
the four of cognition are at most 2000 and 800.

So a picture gives its sub-task 0, 50 or 200 points, and the score is the mean of the points. Intervals are of the
bootstrap (Efron 1979): pictures are drawn anew with replacement, in each sub-task by itself. Answers to the two
questions about a picture depend on each other, which is why questions are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.evaluation.mme.answers import AnswerPair, MmeAnswer
from belle.evaluation.mme.questions import COGNITION, PERCEPTION

Reading = Literal["yes", "no", "other"]

_DRAWS = 10_000
_TAILS = (2.5, 97.5)
_POINTS = np.array([0.0, 50.0, 200.0])
"""What a picture gives by the number of its questions that are answered right."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure and its 95 % interval by the bootstrap, which has no width where all pictures gave the same."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MmeTaskScore:
    """The result of a sub-task.

    Attributes:
        n_pictures: each with two questions.
        accuracy: share of questions that are answered right.
        accuracy_plus: share of pictures of which both questions are.
        score: from 0 to 200.
        other: answers that are neither yes nor no; they count as wrong.
        yes: answers that are yes, right or wrong. Half of the right ones are.
    """

    n_pictures: int
    accuracy: Drawn
    accuracy_plus: Drawn
    score: Drawn
    other: int
    yes: int


@dataclass(frozen=True, slots=True)
class MmeSum:
    """The sum of the scores of one part of MME.

    Attributes:
        score: from 0 to `most`.
        most: 200 for each sub-task that was asked.
        difference: from the sum of the first model on the same pictures; None for the first itself.
    """

    score: Drawn
    most: int
    difference: Drawn | None = None


@dataclass(frozen=True, slots=True)
class MmeScores:
    """The results of a model: its sub-tasks by name, and the sums of the parts of which there are any."""

    model: str
    tasks: Mapping[str, MmeTaskScore]
    sums: Mapping[str, MmeSum]


PARTS: Mapping[str, Sequence[str]] = {"perception": PERCEPTION, "cognition": COGNITION}


def read_yes_no(answer: str) -> Reading:
    """What an answer says, as MME's authors read it: “yes”, else “no”, inside its first four characters.

    They look for an answer that is exactly one of the two first, which its first four characters say as well.
    """
    start = answer.lower()[:4]
    return "yes" if "yes" in start else "no" if "no" in start else "other"


def score_models(answers: Mapping[str, Mapping[str, Sequence[AnswerPair]]]) -> list[MmeScores]:
    """The results of models, from their answers by sub-task; the others are compared with the first.

    Raises KnownError("data_wrong") where models were asked about different pictures.
    """
    first: Mapping[str, Sequence[AnswerPair]] = {}
    results = []
    for model, by_task in answers.items():
        _check_same(next(iter(answers)), first or by_task, model, by_task)
        tasks = {task: _task_score(pairs) for task, pairs in by_task.items()}
        sums = {part: _sum(names, by_task, first) for part, names in PARTS.items() if by_task.keys() & set(names)}
        results.append(MmeScores(model, tasks, sums))
        first = first or by_task
    return results


def _task_score(pairs: Sequence[AnswerPair]) -> MmeTaskScore:
    right = _n_right(pairs)
    readings = [read_yes_no(answer.answer) for pair in pairs for answer in pair]
    return MmeTaskScore(
        len(pairs),
        _mean_sum([right / 2]),
        _mean_sum([(right == 2).astype(np.float64)]),
        _mean_sum([_POINTS[right]]),
        readings.count("other"),
        readings.count("yes"),
    )


def _sum(
    names: Iterable[str], answers: Mapping[str, Sequence[AnswerPair]], first: Mapping[str, Sequence[AnswerPair]]
) -> MmeSum:
    asked = [name for name in names if name in answers]
    points = [_POINTS[_n_right(answers[name])] for name in asked]
    difference = None
    if first:
        before = [_POINTS[_n_right(first[name])] for name in asked]
        difference = _mean_sum([new - old for new, old in zip(points, before, strict=True)])
    return MmeSum(_mean_sum(points), 200 * len(asked), difference)


def _n_right(pairs: Sequence[AnswerPair]) -> NDArray[np.int64]:
    """How many of the two questions about each picture are answered right, `[n_pictures]`."""
    return np.array([sum(_is_right(answer) for answer in pair) for pair in pairs], np.int64)


def _is_right(answer: MmeAnswer) -> bool:
    return read_yes_no(answer.answer) == answer.right


def _mean_sum(tasks: Sequence[NDArray[np.float64]], *, seed: int = 1) -> Drawn:
    """The sum over sub-tasks of the means of what their pictures gave.

    A picture gives one of a few values, so drawing n pictures anew is one draw of how often each value comes, from the
    multinomial distribution of n with the shares that they have.
    """
    chance = np.random.default_rng(seed)
    value, drawn = 0.0, np.zeros(_DRAWS)
    for points in tasks:
        values, counts = np.unique(points, return_counts=True)
        n = len(points)
        drawn += chance.multinomial(n, counts / n, _DRAWS) @ values / n  # [draws, values] @ [values]
        value += float(points.mean())
    low, high = np.percentile(drawn, _TAILS)
    return Drawn(value, float(low), float(high))


def _check_same(
    first: str, before: Mapping[str, Sequence[AnswerPair]], model: str, after: Mapping[str, Sequence[AnswerPair]]
) -> None:
    if [*map(_asked, before.items())] != [*map(_asked, after.items())]:
        message = f"{model} and {first} answered different questions, or in another order."
        raise KnownError("data_wrong", message, "Score them one by one, or ask both about the same pictures.")


def _asked(task: tuple[str, Sequence[AnswerPair]]) -> tuple[str, list[tuple[str, str, str]]]:
    name, pairs = task
    return name, [(answer.picture, answer.question, answer.right) for pair in pairs for answer in pair]
