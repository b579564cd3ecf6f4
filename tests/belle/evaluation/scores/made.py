"""Items, scores and comparisons for tests of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.judge.anchors import Winner
from belle.evaluation.judge.pair_file import ModelPair
from belle.evaluation.judge.pairs import PairBy, PairVerdict
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import By, Verdict

FACTS: Mapping[str, Any] = {"set": "d", "judge": {"model": "j"}, "judge_name": "judge", "prompts": "own"}


def items_of(*names: str) -> EvaluationItems:
    """Items of the class “open qa”."""
    return EvaluationItems("set", "d", tuple(EvaluationItem(name, "open qa", ("?",), "ref") for name in names))


def verdict(item: str, score: float | None, by: By = "judge", answer: str = "", length: int = 0) -> Verdict:
    return Verdict(item, score, by, "so", "" if score is not None else "is silent", answer or f"digest {item}", length)


def scores_of(model: str, *verdicts: Verdict, **facts: Any) -> ModelScores:
    return ModelScores(model, {**FACTS, **facts}, {one.item: one for one in verdicts}, {})


def compared(
    item: str,
    winner: Winner | None,
    by: PairBy = "judge",
    *,
    orders: tuple[Winner | None, ...] | None = None,
    lengths: tuple[int, int] = (1, 1),
    answers: tuple[str, str] = ("a", "b"),
) -> PairVerdict:
    """A comparison; of a judge that agrees with itself, unless `orders` are given."""
    if orders is None:
        orders = (winner, winner) if by == "judge" else ()
    return PairVerdict(item, winner, by, orders, (), "" if winner else "is silent", answers, lengths)


def pair_of(verdicts: Sequence[PairVerdict], first: str = "A", second: str = "B", **facts: Any) -> ModelPair:
    return ModelPair(first, second, {**FACTS, **facts}, verdicts)
