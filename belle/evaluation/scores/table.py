"""The scores of several models on one set: by class, over all classes, and against each other.

BELLE's two figures are kept as they are defined: *Average Score* is the mean over its nine classes, where math and code
together are one, “others”; *Score_w/o_others* is that over the eight without it. In both every class counts alike.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from belle.evaluation.intervals import PairedDifference, ScoreMean, holm, macro_mean, mean_of, paired_difference
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import known_scores
from belle.evaluation.scores.conditions import check_same_judge, check_same_set

OTHERS = "others"
_OTHERS = frozenset({"math", "code"})


@dataclass(frozen=True, slots=True)
class ModelMeans:
    """The scores of one model.

    Attributes:
        classes: the mean of each class.
        average: BELLE's *Average Score*.
        without_others: BELLE's *Score_w/o_others*.
        everything: the mean over all items, each of which counts alike.
        unscored: answers without a score, which no mean has in it.
        missing: items without an answer.
    """

    model: str
    classes: Mapping[str, ScoreMean]
    average: ScoreMean
    without_others: ScoreMean
    everything: ScoreMean
    unscored: int
    missing: int


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Models on one set, by one judge.

    Attributes:
        set_name, judge, prompts: what they were asked and who scored them.
        classes: items of each class.
        rows: the models, best first.
        pairs: (first, second) → how much better the second is on the items that both have a score for.
        self_checks: the mean of the judge's scores of answers of known worth, by kind.
        unread_checks: such answers without a score, by kind.
    """

    set_name: str
    judge: str
    prompts: str
    classes: Mapping[str, int]
    rows: Sequence[ModelMeans]
    pairs: Mapping[tuple[str, str], PairedDifference]
    self_checks: Mapping[str, ScoreMean]
    unread_checks: Mapping[str, int]


def score_table(items: EvaluationItems, models: Sequence[ModelScores]) -> ScoreTable:
    """The table of models.

    Raises KnownError ("scores_differ") where they answered another set, or were scored by another judge.
    """
    facts = models[0].facts
    for model in models:
        check_same_set(model.model, model.facts, items.digest, items.name)
        check_same_judge(model.model, model.facts, models[0].model, facts)
    rows = sorted((_row(items, model) for model in models), key=_rank)
    by_name = {model.model: _scores(model) for model in models}
    pairs = {
        (first.model, second.model): paired_difference(by_name[first.model], by_name[second.model])
        for first, second in combinations(rows, 2)
    }
    adjusted = holm([pair.p for pair in pairs.values()])
    # Of one judge: those of the folder in which it was checked most.
    most = max((model.self_checks for model in models), key=lambda kinds: sum(map(len, kinds.values())))
    checks = {name: verdicts for name, verdicts in most.items() if verdicts}
    return ScoreTable(
        items.name,
        str(facts["judge_name"]),
        str(facts["prompts"]),
        items.classes,
        rows,
        {names: replace(pair, adjusted_p=p) for (names, pair), p in zip(pairs.items(), adjusted, strict=True)},
        {name: mean_of(known_scores(verdicts)) for name, verdicts in checks.items()},
        {name: len(verdicts) - len(known_scores(verdicts)) for name, verdicts in checks.items()},
    )


def group_of(category: str) -> str:
    """The class that BELLE's averages count: math and code are one."""
    return OTHERS if category in _OTHERS else category


def _row(items: EvaluationItems, model: ModelScores) -> ModelMeans:
    by_class: dict[str, list[float]] = defaultdict(list)
    by_group: dict[str, list[float]] = defaultdict(list)
    scores = _scores(model)
    for item in items.items:
        if item.id in scores:
            by_class[item.category].append(scores[item.id])
            by_group[group_of(item.category)].append(scores[item.id])
    groups = {name: mean_of(values) for name, values in by_group.items()}
    return ModelMeans(
        model.model,
        {name: mean_of(by_class[name]) for name in items.classes},
        macro_mean(list(groups.values())),
        macro_mean([mean for name, mean in groups.items() if name != OTHERS]),
        mean_of(list(scores.values())),
        sum(verdict.score is None for verdict in model.verdicts.values()),
        sum(item.id not in model.verdicts for item in items.items),
    )


def _rank(row: ModelMeans) -> tuple[bool, float]:
    """Sorts the best first, and models without any score last."""
    return math.isnan(row.average.value), -row.average.value


def _scores(model: ModelScores) -> dict[str, float]:
    return {name: verdict.score for name, verdict in model.verdicts.items() if verdict.score is not None}
