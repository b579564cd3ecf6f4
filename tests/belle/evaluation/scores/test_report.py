"""The report as people read it: what it says of judge and conditions, labels, published figures, hostile answers."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.dialogue.turn_record import TurnRecord, TurnUsage
from belle.errors import KnownError
from belle.evaluation.answers.turn_costs import TurnCosts, turn_costs
from belle.evaluation.judge.anchors import Anchors, AnchorScore
from belle.evaluation.judge.verdicts import By
from belle.evaluation.scores.conditions import asked_differently
from belle.evaluation.scores.report.contents import ReportOptions, ScoreReport, score_report
from belle.evaluation.scores.report.labels import read_labels
from belle.evaluation.scores.report.markdown import csv_text, json_document, markdown
from belle.evaluation.scores.report.page import page
from belle.evaluation.scores.report.published import PUBLISHED, PUBLISHED_CLASSES
from tests.belle.evaluation.scores.made import (
    HOSTILE,
    compared,
    hostile_page,
    items_of,
    pair_of,
    scores_of,
    verdict,
)

ITEMS = items_of("a", "b", "c", "d")
ONE = scores_of("one", verdict("a", 0.9, length=5), verdict("b", 0.4, length=9), verdict("c", 1.0, "rules"))
OTHER = scores_of("other", verdict("a", 0.1, length=50), verdict("b", None), verdict("c", 0.5, "rules"))
BOTH = {"one": ONE, "other": OTHER}
PAIR = pair_of([compared("a", "first"), compared("b", "tie", orders=("first", "second"))], "one", "other")


def full(options: ReportOptions | None = None) -> ScoreReport:
    return score_report(ITEMS, BOTH, [PAIR], options or ReportOptions())


def test_every_report_says_what_the_judge_is_worth() -> None:
    text = markdown(full())
    assert "| score of the longest answer | as of all answers: 0.500 | 0.100 ±" in text
    assert "| one | other | 0.500 ±" in text
    assert "No answers of known worth were judged" in text
    assert "--anchors FILE" in text
    alone = markdown(score_report(ITEMS, {"one": ONE}, [], ReportOptions()))
    assert "Longest answer: needs" in alone
    assert "Swapped order: needs pairs" in alone


def test_self_checks_that_the_judge_did_not_decide_are_counted() -> None:
    checks = {"reference": [verdict("a", None), verdict("b", None)], "empty answer": [verdict("a", 0.0)]}
    models = {"one": ONE, "other": replace(OTHER, self_checks=checks)}
    text = markdown(score_report(ITEMS, models, [], ReportOptions()))
    assert "| reference | near 1 | – | 0 |" in text
    assert "Answers of known worth without a score: reference 2." in text
    assert "No answers of known worth" not in text


def test_pairs_stand_with_the_rate_at_equal_length_beside() -> None:
    text = markdown(full())
    assert "| one | other | 0.750 ±" in text
    assert json.loads(json_document(full()))["wins"]["rates"][0]["wins"] == 1


def test_what_a_turn_of_each_strategy_costs_is_in_every_form() -> None:
    def turns(seconds: float) -> TurnCosts:
        rows = [
            {"id": f"{name}/1", "record": TurnRecord("duma", usage=TurnUsage(2, 1, 0, 100, 60, 20, value)).fields}
            for name, value in (("a", seconds), ("b", seconds + 2))
        ]
        return turn_costs(rows, ["a", "b"])

    report = full(ReportOptions(costs={"other": turns(4.0), "one": turns(1.0)}))
    text = markdown(report)
    assert "## Cost of a turn" in text
    assert "| one | 2 | 2 | 2.00 ± 12.71 | – | 100.00 ± 0.00 | 40.00 ± 0.00 |" in text
    assert text.index("| one | 2 | 2 |") < text.index("| other | 2 | 2 |")
    assert ">5.00 ± 12.71<" in page(report, {}, {})
    lines = [row for row in csv.DictReader(io.StringIO(csv_text(report))) if row["class"] == "cost of a turn: seconds"]
    assert [(row["model"], row["mean"], row["n"]) for row in lines] == [
        ("one", "2.000000", "2"),
        ("other", "5.000000", "2"),
    ]
    assert float(lines[0]["low"]) == pytest.approx(2 - 12.706, abs=0.01)
    costs = json.loads(json_document(report))["costs"]["one"]
    assert costs["means"]["seconds"]["value"] == 2.0
    assert costs["means"]["first_words_s"]["value"] is None
    assert costs["stops"] == {"finished": 2}
    assert "Cost of a turn" not in markdown(full())


def test_agreement_with_people_and_what_was_left_out_is_shown() -> None:
    anchors = Anchors((AnchorScore("a", "d", "one", "digest a", 0.9, "Li", "now"),), (), 2)
    text = markdown(full(ReportOptions(anchors=anchors)))
    assert "| Li | scores | judge | 1.000 ±" in text
    assert "rows that cannot be read: 2" in text


def test_models_that_were_not_asked_alike_are_named_in_every_form() -> None:
    asked = [{"set": "d", "model": name, "temperature": heat, "seed": 1} for name, heat in (("x", 0.0), ("y", 0.7))]
    models = {
        name: scores_of(name, verdict("a", 0.5), asked=facts)
        for name, facts in zip(("one", "other"), asked, strict=True)
    }
    report = score_report(ITEMS, models, [], ReportOptions())
    for text in (markdown(report), page(report, {}, {}), json_document(report)):
        assert "not asked alike: temperature is one 0.0, other 0.7" in text
        assert "seed is" not in text


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"system": ""}, {"system": "Be brief."}, ["system is"]),
        ({"temperature": 0.0}, {"temperature": 0.0, "strategy": "raise"}, ["strategy is a not given, b 'raise'"]),
        ({"template": "belle"}, {"template": "chatml"}, ["template is"]),
        ({"template": "belle"}, {}, []),
        ({"model": "x", "set": "d"}, {"model": "y", "set": "d"}, []),
        ({"seed": 1, "max_tokens": 10}, {"seed": 2, "max_tokens": 20}, ["seed is", "max_tokens is"]),
    ],
)
def test_whatever_was_asked_differently_is_said(
    first: dict[str, object], second: dict[str, object], said: list[str]
) -> None:
    sentences = asked_differently({"a": first, "b": second})
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


@pytest.mark.parametrize(
    ("by", "shown", "left_out"),
    [("rules", "| with rules | right → wrong |", "| judged |"), ("judge", "| judged | lower |", "| with rules |")],
)
def test_what_the_bits_changed_has_no_columns_for_what_no_item_has(by: By, shown: str, left_out: str) -> None:
    models = {name: scores_of(name, verdict("a", score, by)) for name, score in (("f16", 1.0), ("q4", 0.5))}
    text = markdown(score_report(ITEMS, models, [], ReportOptions(reference="f16")))
    assert shown in text
    assert left_out not in text


def test_labels_and_factors_make_the_rows_of_belles_tables(tmp_path: Path) -> None:
    file = tmp_path / "labels.toml"
    file.write_text(
        '[[model]]\nname = "one"\nlabel = "7B + LoRA(2M)"\ncolumns = { "数据量" = "2M", Hours = 7 }\n\n'
        '[[model]]\nname = "other"\ncolumns = { Hours = 31 }\n',
        encoding="utf-8",
    )
    report = full(ReportOptions(labels=read_labels(file, BOTH)))
    text = markdown(report)
    assert "| Model | 数据量 | Hours | Average Score | Score_w/o_others | open qa (4) |" in text
    assert "| 7B + LoRA(2M) | 2M | 7 | 0.767 ±" in text
    assert "| other |  | 31 |" in text
    row = next(csv.DictReader(io.StringIO(csv_text(report))))
    assert (row["model"], row["label"], row["数据量"]) == ("one", "7B + LoRA(2M)", "2M")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[model]\n", "not valid TOML"),
        ("", "something else"),
        ("x = 1\n[[model]]\nname = 'one'", "something else"),
        ("[[model]]\nlabel = 'x'", "no name"),
        ("[[model]]\nname = 'third'", "the report has one, other"),
        ("[[model]]\nname = 'one'\n[[model]]\nname = 'one'", "not the first"),
        ("[[model]]\nname = 'one'\ncolour = 'red'", "unknown key"),
        ("[[model]]\nname = 'one'\nlabel = 1", "not text"),
        ("[[model]]\nname = 'one'\ncolumns = { x = [1] }", "neither text nor a number"),
    ],
)
def test_labels_that_cannot_be_read_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "labels.toml").write_text(text, encoding="utf-8")
    with pytest.raises(KnownError, match=said):
        read_labels(tmp_path / "labels.toml", ["one", "other"])


def test_published_figures_stand_apart_and_are_marked() -> None:
    report = full(ReportOptions(published=True))
    for text in (markdown(report), page(report, {}, {})):
        assert "not comparable" in text
        assert "LLaMA-7B + FT(2M)" in text
    assert "not comparable" not in markdown(full())
    assert json.loads(json_document(report))["published"]["rows"][0]["source"]


@pytest.mark.parametrize("row", [row for row in PUBLISHED if row.classes])
def test_published_averages_are_the_means_of_their_classes(row: object) -> None:
    # BELLE rounds its averages from unrounded classes: within 0.0011.
    assert len(row.classes) == len(PUBLISHED_CLASSES)  # type: ignore[attr-defined]
    assert sum(row.classes) / 9 == pytest.approx(row.average, abs=0.0011)  # type: ignore[attr-defined]


class Tags(HTMLParser):
    """What stands in a page: its tags with their attributes, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.scripts += tag == "script"


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_model_a_judge_or_a_file_says_runs_or_turns_the_page(text: str) -> None:
    clean = hostile_page("plain")
    found = hostile_page(text)
    assert Tags(found).tags == Tags(clean).tags
    assert Tags(found).attributes == Tags(clean).attributes
    assert Tags(found).scripts == 1
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", found)
    assert len(found) < len(clean) + 100_000
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', found)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "script-src &#39;sha256-" in policy[1]


@settings(max_examples=12)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_stays_text(text: str) -> None:
    found = Tags(hostile_page(text))
    assert found.scripts == 1
    assert found.tags == Tags(hostile_page("plain")).tags
