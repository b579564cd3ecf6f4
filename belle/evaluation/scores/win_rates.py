"""Who wins how often: the comparisons of two models, the judge's faults in them, and what length has to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from belle.evaluation.intervals import ScoreMean, holm, mean_of, share_of, sign_test
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.pair_file import ModelPair
from belle.evaluation.judge.pairs import PairVerdict
from belle.evaluation.scores.conditions import check_same_judge, check_same_set
from belle.evaluation.scores.length_control import length_controlled

_WINS = {"first": 1.0, "tie": 0.5, "second": 0.0}


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often the first of two models wins.

    Attributes:
        wins, losses, ties: of the first.
        by_rules, same: of these, decided by rules, and ties of answers that are the same.
        unread: comparisons without a verdict, which no rate has in it.
        rate: the share of wins, ties half.
        controlled: the same at equal length of the answers.
        p: of so many wins and losses if both were as likely; the sign test.
        adjusted_p: the same among all comparisons that are shown (Holm 1979).
        same_verdict: how often the judge says the same in both orders.
        shown_first: how often it prefers what it was shown first, of all its preferences; ½ is fair.
        longer: how often the longer answer is the one that it prefers in both orders; ½ is fair.
        lengths: the mean number of characters of both models' answers.
    """

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    by_rules: int
    same: int
    unread: int
    rate: ScoreMean
    controlled: ScoreMean
    p: float
    same_verdict: ScoreMean
    shown_first: ScoreMean
    longer: ScoreMean
    lengths: tuple[float, float]
    adjusted_p: float = 1.0


@dataclass(frozen=True, slots=True)
class WinRates:
    """Pairs of models, by one judge."""

    judge: str
    rates: Sequence[WinRate]


def win_rates(items: EvaluationItems, pairs: Sequence[ModelPair]) -> WinRates | None:
    """The win rates of pairs; None where there are none.

    Raises KnownError ("scores_differ") where they answered another set, or were judged in different ways.
    """
    if not pairs:
        return None
    names = [f"{pair.first} against {pair.second}" for pair in pairs]
    for name, pair in zip(names, pairs, strict=True):
        check_same_set(name, pair.facts, items.digest, items.name)
        check_same_judge(name, pair.facts, names[0], pairs[0].facts)
    rates = [win_rate(pair) for pair in pairs]
    adjusted = holm([rate.p for rate in rates])
    named = [replace(rate, adjusted_p=p) for rate, p in zip(rates, adjusted, strict=True)]
    return WinRates(str(pairs[0].facts["judge_name"]), named)


def win_rate(pair: ModelPair) -> WinRate:
    """How often the first model of a pair wins."""
    decided = [verdict for verdict in pair.verdicts if verdict.winner is not None]
    counts = {winner: sum(verdict.winner == winner for verdict in decided) for winner in _WINS}
    preferences = [_WINS[str(verdict.winner)] for verdict in decided]
    by = [verdict.by for verdict in decided]
    return WinRate(
        pair.first,
        pair.second,
        counts["first"],
        counts["second"],
        counts["tie"],
        by.count("rules"),
        by.count("same"),
        len(pair.verdicts) - len(decided),
        mean_of(preferences),
        length_controlled(preferences, [verdict.lengths[0] - verdict.lengths[1] for verdict in decided]),
        sign_test(counts["first"], counts["second"]),
        share_of([verdict.orders[0] == verdict.orders[1] for verdict in _by_judge(decided)]),
        _shown_first(_by_judge(decided)),
        _longer(_by_judge(decided)),
        (_mean_length(pair.verdicts, 0), _mean_length(pair.verdicts, 1)),
    )


def _by_judge(verdicts: Sequence[PairVerdict]) -> list[PairVerdict]:
    return [verdict for verdict in verdicts if verdict.by == "judge"]


def _shown_first(verdicts: Sequence[PairVerdict]) -> ScoreMean:
    """One value for each comparison, as its two orders are not independent."""
    places = ("first", "second")  # the model that is shown first in each order
    shares = []
    for verdict in verdicts:
        chosen = [
            winner == place for winner, place in zip(verdict.orders, places, strict=True) if winner not in ("tie", None)
        ]
        if chosen:
            shares.append(fmean(chosen))
    return mean_of(shares)


def _longer(verdicts: Sequence[PairVerdict]) -> ScoreMean:
    return share_of(
        [
            (verdict.winner == "first") == (verdict.lengths[0] > verdict.lengths[1])
            for verdict in verdicts
            if verdict.winner != "tie" and verdict.lengths[0] != verdict.lengths[1]
        ]
    )


def _mean_length(verdicts: Sequence[PairVerdict], side: int) -> float:
    return fmean(verdict.lengths[side] for verdict in verdicts) if verdicts else 0.0
