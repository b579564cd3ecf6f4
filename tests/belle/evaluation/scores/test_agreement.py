"""Decisions of people against those of the judge; what cannot be compared is counted."""

from __future__ import annotations

import pytest

from belle.evaluation.judge.anchors import AnchorPair, Anchors, AnchorScore, Winner
from belle.evaluation.scores.agreement import agreement
from tests.belle.evaluation.scores.made import compared, items_of, pair_of, scores_of, verdict

NAMES = [f"i{n}" for n in range(20)]
ITEMS = items_of(*NAMES)


def score(item: str, value: float, *, answer: str = "", by: str = "Li", of_set: str = "d") -> AnchorScore:
    return AnchorScore(item, of_set, "m", answer or f"digest {item}", value, by, "2026-11-30T00:00:00Z")


def choice(item: str, winner: Winner, first: str = "A", second: str = "B") -> AnchorPair:
    answers = {"A": "a", "B": "b"}
    return AnchorPair(item, "d", first, second, answers[first], answers[second], winner, "Li", "2026-11-30T00:00:00Z")


def test_scores_are_compared_in_five_classes_for_each_person_and_judge() -> None:
    judged = [verdict(name, n % 5 / 4) for n, name in enumerate(NAMES)]
    judged[0] = verdict("i0", 1.0, "rules")
    people = [score(name, n % 5 / 4) for n, name in enumerate(NAMES)]
    people += [score(name, 1.0, by="Wang") for name in NAMES[1:6]]
    found = agreement(ITEMS, Anchors(tuple(people)), [scores_of("m", *judged)], [])
    rows = {(row.person, row.kind, row.by): row for row in found.rows}
    assert rows["Li", "scores", "judge"].kappa.value == 1.0
    assert rows["Li", "scores", "judge"].raw.n == 19
    assert rows["Li", "scores", "rules"].raw.value == 0.0
    assert rows["Wang", "scores", "judge"].raw.value == pytest.approx(1 / 5)
    assert rows["Wang", "scores", "judge"].kappa.value == pytest.approx(0.0)
    assert not found.left_out


def test_a_choice_counts_in_either_order() -> None:
    pair = pair_of([compared("i0", "first"), compared("i1", "second"), compared("i2", "tie", "same")])
    straight = Anchors((), (choice("i0", "first"), choice("i1", "second"), choice("i2", "tie")))
    swapped = Anchors(
        (), (choice("i0", "second", "B", "A"), choice("i1", "first", "B", "A"), choice("i2", "tie", "B", "A"))
    )
    for anchors in (straight, swapped):
        rows = {row.by: row for row in agreement(ITEMS, anchors, [], [pair]).rows}
        assert rows["judge"].raw.value == 1.0
        assert rows["judge"].raw.n == 2
        assert rows["rules"].raw.n == 1


def test_what_cannot_be_compared_is_counted_by_its_reason() -> None:
    model = scores_of("m", verdict("i0", 1.0), verdict("i1", None))
    anchors = Anchors(
        (score("i0", 1, answer="older"), score("i0", 1, of_set="e"), score("i1", 1), score("i2", 1)),
        (choice("i0", "first"),),
        3,
    )
    found = agreement(ITEMS, anchors, [model], [])
    assert not found.rows
    assert found.left_out == {
        "rows that cannot be read": 3,
        "decided on another answer than was judged": 1,
        "decided on another set": 1,
        "no score to compare with": 1,
        "decided on what is not in this report": 2,
    }
