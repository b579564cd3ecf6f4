"""How far the scores agree with people: the decisions of an anchor file against those of the judge and of the rules.

Decisions on another answer than the one that was judged, or on another set, are counted and left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from belle.evaluation.intervals import ScoreMean, share_of
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.anchors import AnchorPair, Anchors, AnchorScore, Winner
from belle.evaluation.judge.pair_file import ModelPair
from belle.evaluation.judge.pairs import PairVerdict
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import Verdict
from belle.evaluation.scores.kappa import SCORE_CLASSES, cohens_kappa, score_class

_WINNER_CLASS: Mapping[Winner, int] = {"first": 0, "tie": 1, "second": 2}
_SWAPPED: Mapping[Winner, Winner] = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One person against the judge, or the rules.

    Attributes:
        person: by the name in the anchor file.
        kind: “scores” or “pairs”.
        by: who scored: “judge”, “rules” or “both”.
        raw: the share of decisions in the same class: a score is in the nearest of 0, ¼, ½, ¾, 1.
        kappa: Cohen's.
        weighted: with quadratic weights; the classes of pairs are ordered first, tie, second.
    """

    person: str
    kind: str
    by: str
    raw: ScoreMean
    kappa: ScoreMean
    weighted: ScoreMean


@dataclass(frozen=True, slots=True)
class HumanAgreement:
    """With people.

    Attributes:
        rows: one for each person, kind and who scored.
        left_out: decisions that are in no row, by the reason.
    """

    rows: Sequence[AgreementRow]
    left_out: Mapping[str, int]


def agreement(
    items: EvaluationItems, anchors: Anchors, scores: Sequence[ModelScores], pairs: Sequence[ModelPair]
) -> HumanAgreement:
    """How far the decisions of people agree with those of the judge."""
    verdicts = {model.model: model.verdicts for model in scores}
    comparisons = {(pair.first, pair.second): {one.item: one for one in pair.verdicts} for pair in pairs}
    compared = [_compared_score(items, anchor, verdicts.get(anchor.model, {})) for anchor in anchors.scores]
    compared += [_compared_pair(items, anchor, comparisons) for anchor in anchors.pairs]
    classes: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    left_out = Counter({"rows that cannot be read": anchors.unreadable} if anchors.unreadable else {})
    for result in compared:
        if isinstance(result, str):
            left_out[result] += 1
        else:
            classes[result.person, result.kind, result.by].append(result.classes)
    return HumanAgreement([_row(*key, pairs_of) for key, pairs_of in sorted(classes.items())], dict(left_out))


@dataclass(frozen=True, slots=True)
class _Compared:
    """A decision of a person, and of who scored, as two classes."""

    person: str
    kind: str
    by: str
    classes: tuple[int, int]


def _compared_score(items: EvaluationItems, anchor: AnchorScore, verdicts: Mapping[str, Verdict]) -> _Compared | str:
    """A person's score against the verdict on the same answer; why there is none."""
    verdict = verdicts.get(anchor.item)
    reason = _why_not(items, anchor.set, None if verdict is None else verdict.answer == anchor.answer)
    if reason or verdict is None or verdict.score is None or anchor.score is None:
        return reason or "no score to compare with"
    return _Compared(anchor.by, "scores", verdict.by, (score_class(anchor.score), score_class(verdict.score)))


def _compared_pair(
    items: EvaluationItems, anchor: AnchorPair, comparisons: Mapping[tuple[str, str], Mapping[str, PairVerdict]]
) -> _Compared | str:
    """A person's choice against the comparison of the same answers, in either order; why there is none."""
    models, answers = (anchor.first, anchor.second), (anchor.first_answer, anchor.second_answer)
    winner = anchor.winner
    if models not in comparisons:
        models, answers, winner = models[::-1], answers[::-1], winner and _SWAPPED[winner]
    verdict = comparisons.get(models, {}).get(anchor.item)
    reason = _why_not(items, anchor.set, None if verdict is None else verdict.answers == answers)
    if reason or verdict is None or verdict.winner is None or winner is None:
        return reason or "no comparison to compare with"
    by = "rules" if verdict.by == "same" else verdict.by
    return _Compared(anchor.by, "pairs", by, (_WINNER_CLASS[winner], _WINNER_CLASS[verdict.winner]))


def _why_not(items: EvaluationItems, anchor_set: str, is_same_answer: bool | None) -> str:
    """Why a decision cannot be compared; "" where it can. `is_same_answer` is None where nothing was judged."""
    if anchor_set != items.digest:
        return "decided on another set"
    if is_same_answer is None:
        return "decided on what is not in this report"
    return "" if is_same_answer else "decided on another answer than was judged"


def _row(person: str, kind: str, by: str, classes: Sequence[tuple[int, int]]) -> AgreementRow:
    people, judge = ([pair[side] for pair in classes] for side in (0, 1))
    n_classes = SCORE_CLASSES if kind == "scores" else len(_WINNER_CLASS)
    return AgreementRow(
        person,
        kind,
        by,
        share_of([one == other for one, other in classes]),
        cohens_kappa(people, judge, n_classes),
        cohens_kappa(people, judge, n_classes, weighted=True),
    )
