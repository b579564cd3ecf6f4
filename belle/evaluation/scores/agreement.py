"""How far the scores agree with people: the decisions of an anchor file against those of the judge and of the rules.

Decisions on another answer than the one that was judged, or on another set, are counted and left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from belle.evaluation.intervals import ScoreMean, share_of
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.anchors import Anchors, Winner
from belle.evaluation.judge.pair_file import ModelPair
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.scores.kappa import SCORE_CLASSES, cohens_kappa, score_class

_WINNER_CLASS: Mapping[Winner, int] = {"first": 0, "tie": 1, "second": 2}
_SWAPPED: Mapping[Winner, Winner] = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One person against the judge, or the rules.

    Attributes:
        person: by the name in the anchor file.
        kind: “scores” or “pairs”.
        by: “judge” or “rules”.
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
        rows: one for each person, kind and judge.
        left_out: decisions that are in no row, by the reason.
    """

    rows: Sequence[AgreementRow]
    left_out: Mapping[str, int]


def agreement(
    items: EvaluationItems, anchors: Anchors, scores: Sequence[ModelScores], pairs: Sequence[ModelPair]
) -> HumanAgreement:
    """How far the decisions of people agree with those of the judge."""
    decided: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    if anchors.unreadable:
        left_out["rows that cannot be read"] = anchors.unreadable
    by_model = {model.model: model.verdicts for model in scores}
    for anchor in anchors.scores:
        verdict = by_model.get(anchor.model, {}).get(anchor.item)
        reason = _why_not(items, anchor.set, None if verdict is None else verdict.answer == anchor.answer)
        if reason or verdict is None or verdict.score is None or anchor.score is None:
            left_out[reason or "no score to compare with"] += 1
        else:
            classes = score_class(anchor.score), score_class(verdict.score)
            decided[anchor.by, "scores", verdict.by].append(classes)
    by_pair = {(pair.first, pair.second): {verdict.item: verdict for verdict in pair.verdicts} for pair in pairs}
    for choice in anchors.pairs:
        is_swapped = (choice.first, choice.second) not in by_pair
        models, answers = (choice.first, choice.second), (choice.first_answer, choice.second_answer)
        if is_swapped:
            models, answers = models[::-1], answers[::-1]
        compared = by_pair.get(models, {}).get(choice.item)
        reason = _why_not(items, choice.set, None if compared is None else compared.answers == answers)
        if reason or compared is None or compared.winner is None or choice.winner is None:
            left_out[reason or "no comparison to compare with"] += 1
        else:
            winner = _SWAPPED[choice.winner] if is_swapped else choice.winner
            by = "rules" if compared.by == "same" else compared.by
            decided[choice.by, "pairs", by].append((_WINNER_CLASS[winner], _WINNER_CLASS[compared.winner]))
    return HumanAgreement([_row(*key, classes) for key, classes in sorted(decided.items())], dict(left_out))


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
