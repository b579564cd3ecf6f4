"""The longest-answer baseline: what a judge would be worth that knows nothing but the length of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from belle.evaluation.intervals import ScoreMean, mean_of
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import Verdict, known_scores


@dataclass(frozen=True, slots=True)
class LongestBaseline:
    """Over the items that several models have answered.

    Attributes:
        score: the mean score of the longest answer to each.
        of_all: the mean score of all answers to them.
        agreement: how often the longer of two answers has the higher score, where both differ; ½ is fair.
    """

    score: ScoreMean
    of_all: ScoreMean
    agreement: ScoreMean


def longest_baseline(models: Sequence[ModelScores]) -> LongestBaseline | None:
    """The baseline; None where no item has the answers of two models that a judge has scored.

    What rules alone decide is left out: they have no taste for length.
    """
    by_item: dict[str, list[Verdict]] = {}
    for model in models:
        for item, verdict in model.verdicts.items():
            if verdict.score is not None and verdict.by in ("judge", "both"):
                by_item.setdefault(item, []).append(verdict)
    several = {item: verdicts for item, verdicts in by_item.items() if len(verdicts) > 1}
    if not several:
        return None
    return LongestBaseline(
        mean_of([_longest_score(verdicts) for verdicts in several.values()]),
        mean_of([fmean(known_scores(verdicts)) for verdicts in several.values()]),
        mean_of(_agreements(several)),
    )


def _longest_score(verdicts: Sequence[Verdict]) -> float:
    """The score of the longest answer, the mean of those that are as long."""
    longest = max(verdict.length for verdict in verdicts)
    return fmean(known_scores([verdict for verdict in verdicts if verdict.length == longest]))


def _agreements(by_item: Mapping[str, Sequence[Verdict]]) -> list[float]:
    """One value for each item, as the pairs of its answers are not independent."""
    shares = []
    for verdicts in by_item.values():
        scored = zip(verdicts, known_scores(verdicts), strict=True)
        agree = [
            (one.length > other.length) == (one_score > other_score)
            for (one, one_score), (other, other_score) in combinations(scored, 2)
            if one.length != other.length and one_score != other_score
        ]
        if agree:
            shares.append(fmean(agree))
    return shares
