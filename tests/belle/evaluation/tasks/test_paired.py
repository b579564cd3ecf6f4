"""Intervals, tests and flips, against values computed by hand."""

from __future__ import annotations

import math

import pytest

from belle.evaluation.tasks.items import Item
from belle.evaluation.tasks.paired import model_figures
from belle.evaluation.tasks.records import Score
from belle.evaluation.tasks.result import Paired

ITEMS = [
    *(Item(f"c{i}", f"q{i}", "B", "one" if i < 4 else "two", "en", ("w", "xx", "y", "z")) for i in range(6)),
    Item("e", "capital?", "Oslo", "two", "en"),
    Item("f", "how?", "so", "two", "en", free=True),
]


def scores(letters: str, texts: str, outputs: list[str], expected: bool) -> dict[str, Score]:
    """Scores of a model that chooses these letters, and texts by their log-probability per byte."""
    found = {}
    for i, (letter, text) in enumerate(zip(letters, texts, strict=True)):
        by_letter = [-0.5 if choice == letter else -2.0 for choice in "ABCD"]
        # "xx" has two bytes: it may be twice as unlikely.
        by_text = [(-1.0 if choice == text else -3.0) * (2 if choice == "B" else 1) for choice in "ABCD"]
        found[f"c{i}"] = Score(f"c{i}", by_letter, by_text, expected=False, output=outputs[i])
    found["e"] = Score("e", [], [-4.0], expected=expected, output=outputs[6])
    found["f"] = Score("f", [], [-6.0], expected=False, output=outputs[7])
    return found


BEFORE = scores("BBBAAA", "BBBBBB", ["B", "B", "B", "A", "?", "A", "Oslo", "one"], True)
AFTER = scores("BAABCA", "BBBBBB", ["B", "B", "C", "B", "C", "", "Bergen", "two"], False)


def test_flips_accuracy_and_agreement() -> None:
    figures = model_figures("m", ITEMS, AFTER, reference=BEFORE, seconds=1.0)
    assert figures.paired["letter"] == Paired(6, lost=2, won=1, changed=4, p=1.0)
    assert figures.paired["text"] == Paired(7, lost=1, won=0, changed=1, p=1.0)
    assert figures.paired["generation"] == Paired(8, lost=2, won=1, changed=6, p=1.0)
    assert figures.paired["letter"].agreement == pytest.approx(2 / 6)
    accuracy = figures.accuracy["generation"]
    assert (accuracy.n, accuracy.right, accuracy.unparsed) == (7, 3, 1)
    assert (figures.accuracy["letter"].right, figures.accuracy["text"].right) == (2, 6)
    assert figures.categories["one"]["letter"].n == 4
    assert figures.categories["two"]["generation"].changed == 4
    assert figures.categories["one"]["letter"].right_reference == 3
    assert figures.languages["en"]["letter"].n == 6
    kinds = {(change.id, change.way): change for change in figures.changes}
    assert kinds["c1", "letter"].kind == "lost"
    assert (kinds["c1", "letter"].before, kinds["c1", "letter"].after) == ("B. xx", "A. w")
    assert kinds["c3", "generation"].kind == "won"
    assert kinds["c4", "letter"].kind == "other"
    assert kinds["f", "generation"].kind == "other"
    # Six times "xx" at -2 nats, and the two answers, of 12 + 4 + 2 bytes.
    assert figures.bits_per_byte == pytest.approx((12 + 4 + 6) / math.log(2) / 18)


def test_the_reference_alone_has_no_flips() -> None:
    figures = model_figures("m", ITEMS, BEFORE, reference=None, seconds=1.0)
    assert (figures.paired, figures.categories, figures.languages, figures.changes) == ({}, {}, {}, [])
    assert figures.accuracy["generation"].unparsed == 1


def test_the_same_answers_do_not_flip() -> None:
    figures = model_figures("m", ITEMS, BEFORE, reference=BEFORE, seconds=1.0)
    assert figures.changes == []
    assert all(pair == Paired(pair.n, 0, 0, 0, 1.0) for pair in figures.paired.values())


def test_only_items_that_both_answered_are_paired() -> None:
    some = {key: AFTER[key] for key in ("c0", "c1")} | {"c2": Score("c2", [], [], False, "", too_long=True)}
    figures = model_figures("m", ITEMS, some, reference=BEFORE, seconds=1.0)
    assert figures.paired["letter"].n == 2
    assert (figures.n_done, figures.n_too_long) == (3, 1)
    assert model_figures("m", ITEMS, {}, reference=BEFORE, seconds=0.0).accuracy == {}
