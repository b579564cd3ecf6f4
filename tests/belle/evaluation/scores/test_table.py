"""The table of models: BELLE's averages as defined, comparisons on the same items, reports that say the same."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping

import pytest

from belle.errors import KnownError
from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import JudgedAnswer, Verdict
from belle.evaluation.scores.report.contents import ReportOptions, ScoreReport, score_report
from belle.evaluation.scores.report.examples import examples
from belle.evaluation.scores.report.markdown import csv_text, json_document, markdown
from belle.evaluation.scores.report.page import page
from belle.evaluation.scores.table import score_table

# The row “7B FT 2M” of BELLE's README, whose macro mean it gives as 0.710; “others” is math and code.
BELLE = {
    "rewrite": 0.871, "classification": 0.775, "generation": 0.920, "summarization": 0.734, "extract": 0.603,
    "open qa": 0.555, "brainstorming": 0.900, "closed qa": 0.633, "math": 0.399, "code": 0.399,
}  # fmt: skip
N = 12
FACTS = {"set": "d", "judge": {"model": "j"}, "judge_name": "judge", "prompts": "own"}


def items_of(classes: Mapping[str, object]) -> EvaluationItems:
    return EvaluationItems(
        "set", "d", tuple(EvaluationItem(f"{name} {i}", name, ("?",), "ref") for name in classes for i in range(N))
    )


def model(name: str, scores: Mapping[str, float | None], facts: Mapping[str, object] = FACTS) -> ModelScores:
    return ModelScores(name, facts, {item: Verdict(item, score, "judge") for item, score in scores.items()}, {})


ITEMS = items_of(BELLE)
PUBLISHED = model("FT 2M", {item.id: BELLE[item.category] for item in ITEMS.items})


def report_of(*models: ModelScores) -> ScoreReport:
    return score_report(ITEMS, {one.model: one for one in models}, [], ReportOptions())


def test_the_averages_are_those_of_belles_tables() -> None:
    (row,) = score_table(ITEMS, [PUBLISHED]).rows
    assert round(row.average.value, 3) == 0.710
    assert row.without_others.value == pytest.approx(sum(v for k, v in BELLE.items() if k not in ("math", "code")) / 8)
    assert row.classes["closed qa"].value == pytest.approx(0.633)


def test_math_and_code_are_one_class_of_all_their_items() -> None:
    items = EvaluationItems(
        "set",
        "d",
        (*items_of({"math": 1, "rewrite": 1}).items, EvaluationItem("c", "code", ("?",), "ref")),
    )
    scores = {item.id: 1.0 if item.category == "code" else 0.0 for item in items.items}
    (row,) = score_table(items, [model("m", scores)]).rows
    assert row.average.value == pytest.approx((1 / (N + 1) + 0) / 2)


def test_what_has_no_score_is_counted_and_in_no_mean() -> None:
    scores: dict[str, float | None] = {item.id: 0.5 for item in ITEMS.items}
    first, second, third = list(scores)[:3]
    scores[first] = None
    del scores[second], scores[third]
    (row,) = score_table(ITEMS, [model("m", scores)]).rows
    assert (row.unscored, row.missing) == (1, 2)
    assert row.everything.n == len(ITEMS.items) - 3


def test_an_average_over_fewer_classes_is_said() -> None:
    part = model("part", {item.id: 0.9 for item in ITEMS.items if item.category not in ("math", "extract")})
    whole, said = report_of(PUBLISHED), markdown(report_of(PUBLISHED, part))
    assert "no score in" not in markdown(whole)
    assert "part: no score in math, extract; its averages are over the other classes alone" in said
    assert "part: no score in math, extract" in page(report_of(PUBLISHED, part), {}, {})


def test_a_model_without_any_score_comes_last() -> None:
    nothing = model("nothing", {item.id: None for item in ITEMS.items})
    poor, good = (model(name, {item.id: score for item in ITEMS.items}) for name, score in (("poor", 0.1), ("good", 1)))
    for order in ([nothing, poor, good], [good, nothing, poor], [poor, good, nothing]):
        assert [row.model for row in score_table(ITEMS, order).rows] == ["good", "poor", "nothing"]


def test_models_are_compared_on_the_items_that_both_have() -> None:
    good = {item.id: 0.9 for item in ITEMS.items}
    poor: dict[str, float | None] = {item.id: 0.4 for item in ITEMS.items}
    poor[ITEMS.items[0].id] = None
    table = score_table(ITEMS, [model("poor", poor), model("good", good)])
    assert [row.model for row in table.rows] == ["good", "poor"]
    pair = table.pairs["good", "poor"]
    assert pair.n == len(ITEMS.items) - 1
    assert pair.value == pytest.approx(-0.5)
    assert pair.adjusted_p < 0.001


def test_the_best_model_is_first_and_one_without_scores_last() -> None:
    means = {"low": 0.2, "none": None, "high": 0.9, "middle": 0.5}
    models = [model(name, {item.id: score for item in ITEMS.items}) for name, score in means.items()]
    assert [row.model for row in score_table(ITEMS, models).rows] == ["high", "middle", "low", "none"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"set": "other"}, "another set"),
        ({"judge": {"model": "k"}}, "different judge"),
        ({"prompts": "belle"}, "prompts"),
        ({"prompts_digest": "e"}, "prompts"),
        ({"temperature": 1.0}, "temperature"),
        ({"max_tokens": 9}, "limit"),
        ({"seed": 2}, "seed"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(other: dict[str, object], said: str) -> None:
    strange = model("strange", {}, {**FACTS, **other})
    with pytest.raises(KnownError, match=said):
        score_table(ITEMS, [PUBLISHED, strange])


def test_all_forms_say_the_same() -> None:
    report = report_of(PUBLISHED, model("<b>|odd|</b>", {ITEMS.items[0].id: 0.25}))
    table = report.table
    rows = list(csv.DictReader(io.StringIO(csv_text(report))))
    average = next(row for row in rows if row["model"] == "FT 2M" and row["class"] == "Average Score")
    assert float(average["mean"]) == pytest.approx(table.rows[0].average.value, abs=1e-6)
    document = json.loads(json_document(report))
    assert document["rows"][0]["average"]["value"] == table.rows[0].average.value
    assert not any(math.isnan(value) for value in _floats(document))
    text = markdown(report)
    assert "| FT 2M | 0.710 ±" in text
    assert "&lt;b>\\|odd\\|&lt;/b>" in text
    html = page(report, {}, {})
    assert "0.710 ±" in html
    assert "<b>" not in html
    assert "default-src &#39;none&#39;" in html


def _floats(value: object) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in _floats(inner)]
    return [value] if isinstance(value, float) else []


def test_examples_are_the_lowest_and_highest_of_different_classes_and_run_nothing() -> None:
    scores = {item.id: index / len(ITEMS.items) for index, item in enumerate(ITEMS.items)}
    own = model("m", scores)
    answers = [JudgedAnswer(item, "question", "<script>alert(1)</script>") for item in ITEMS.items]
    shown = examples(answers, own, 3)
    assert [example.category for example in shown["lowest"]] == ["rewrite", "classification", "generation"]
    assert shown["lowest"][0].score == 0.0
    assert shown["highest"][0].score == max(scores.values())
    html = page(report_of(own), {"m": shown}, {})
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
