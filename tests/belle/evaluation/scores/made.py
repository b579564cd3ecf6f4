"""Items, scores and comparisons for tests of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.judge.anchors import Anchors, AnchorScore, Winner
from belle.evaluation.judge.pair_file import ModelPair
from belle.evaluation.judge.pairs import PairBy, PairVerdict
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import By, JudgedAnswer, Verdict
from belle.evaluation.scores.report.contents import ReportOptions, score_report
from belle.evaluation.scores.report.examples import examples, flips
from belle.evaluation.scores.report.labels import ModelLabels
from belle.evaluation.scores.report.page import page

FACTS: Mapping[str, Any] = {"set": "d", "judge": {"model": "j"}, "judge_name": "judge", "prompts": "own"}

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</dd></dl><iframe src='https://example.org'></iframe>",
    '" onmouseover="alert(1)',
    "\u202egnp.exe\u2066",
    "</style><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "]]>",
    "长" * 200_000,
]


def items_of(*names: str) -> EvaluationItems:
    """Items of the class “open qa”."""
    return EvaluationItems("set", "d", tuple(EvaluationItem(name, "open qa", ("?",), "ref") for name in names))


def verdict(item: str, score: float | None, by: By = "judge", answer: str = "", length: int = 0) -> Verdict:
    problem, rules = "" if score is not None else "is silent", score if by == "rules" else None
    return Verdict(item, score, by, "so", problem, answer or f"digest {item}", length, rules)


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


@cache
def hostile_page(text: str) -> str:
    """A page in which every foreign text is `text`."""
    item = EvaluationItem("a", "open qa", (text,), text)
    items = EvaluationItems(text[:60], "d", (item,))
    before = scores_of("x", verdict("a", 1.0), judge_name=text[:60])
    after = scores_of(text[:60] or "y", verdict("a", 0.2, answer="other"), judge_name=text[:60])
    labels = ModelLabels({"x": text[:60]}, {"x": {text[:60] or "column": text[:60]}})
    anchors = Anchors((AnchorScore("a", "d", "x", "digest a", 0.5, text[:60] or "Li", "now"),))
    models = {"x": before, after.model: after}
    if len(models) < 2:
        return hostile_page("plain")
    report = score_report(items, models, [], ReportOptions(labels, anchors, "x"))
    answers = [JudgedAnswer(item, text, text)]
    shown = {name: examples(answers, model, 2) for name, model in models.items()}
    return page(report, shown, {after.model: flips(before, after, answers, answers, 2)})
