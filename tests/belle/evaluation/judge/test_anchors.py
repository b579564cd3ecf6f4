"""The anchor file: what a person decided is on the disk, the last decision counts, and what is damaged is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.evaluation.judge.anchors import (
    Anchor,
    AnchorPair,
    Anchors,
    AnchorScore,
    answer_digest,
    append_anchor,
    read_anchors,
)

SCORE = AnchorScore("math-zh-001", "5e7", "starter", answer_digest("4"), 0.7, "li", "2026-01-01T00:00:00+00:00")
PAIR = AnchorPair("math-zh-001", "5e7", "a", "b", "d1", "d2", "first", "li", "2026-01-01T00:00:00+00:00")

names = st.text(st.characters() | st.just("\udc80"), min_size=1, max_size=8)
people = st.sampled_from(["li", "王"])
scores = st.builds(
    AnchorScore, names, names, names, names, st.none() | st.floats(0, 1), people, st.just("2026-01-01T00:00:00+00:00")
)
pairs = st.builds(
    AnchorPair,
    *[st.sampled_from(["x", "y\n", "\u2028"])] * 6,
    st.sampled_from([None, "first", "second", "tie"]),
    people,
    st.just("now"),
)


def read(tmp_path: Path, *rows: Any) -> Anchors:
    path = tmp_path / "anchors.jsonl"
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return read_anchors(path)


def row(anchor: Anchor, **changed: Any) -> dict[str, Any]:
    return {name: getattr(anchor, name) for name in anchor.__slots__} | changed


def test_the_last_decision_of_a_person_counts_and_another_persons_stays(tmp_path: Path) -> None:
    anchors = read(tmp_path, row(SCORE), row(SCORE, by="王"), row(SCORE, score=0.2))
    assert [(anchor.by, anchor.score) for anchor in anchors.scores] == [("li", 0.2), ("王", 0.7)]


def test_a_score_of_another_answer_set_or_model_is_another_thing(tmp_path: Path) -> None:
    others = [row(SCORE, **{name: "other"}) for name in ("item", "set", "model", "answer")]
    assert len(read(tmp_path, row(SCORE), *others).scores) == 5


def test_a_pair_in_the_other_order_is_the_same_thing(tmp_path: Path) -> None:
    turned = row(PAIR, first="b", second="a", first_answer="d2", second_answer="d1", winner="tie")
    assert [pair.winner for pair in read(tmp_path, row(PAIR), turned).pairs] == ["tie"]


def test_a_decision_that_was_taken_back_does_not_count(tmp_path: Path) -> None:
    anchors = read(tmp_path, row(SCORE), row(PAIR), row(SCORE, score=None), row(PAIR, winner=None))
    assert anchors == Anchors()


@pytest.mark.parametrize(
    "damaged",
    [
        b"{\n",
        b"[]\n",
        b"\xff\n",
        b"null\n",
        row(SCORE, score=True),
        row(SCORE, score=1.01),
        row(SCORE, score=-0.01),
        row(SCORE, score="1"),
        b'{"item": "a", "set": "b", "model": "c", "answer": "d", "score": NaN, "by": "e", "at": "f"}\n',
        row(SCORE, by=""),
        row(SCORE, item=3),
        row(PAIR, winner="a"),
        row(PAIR, winner=["first"]),
        row(PAIR, score=1),
        {name: value for name, value in row(PAIR).items() if name != "second_answer"},
        {name: value for name, value in row(SCORE).items() if name != "score"},
    ],
    ids=str,
)
def test_a_row_that_is_no_decision_is_counted_and_the_others_are_read(tmp_path: Path, damaged: Any) -> None:
    anchors = read(tmp_path, row(PAIR), damaged, b"\n", row(SCORE))
    assert (len(anchors.scores), len(anchors.pairs), anchors.unreadable) == (1, 1, 1)


def test_a_row_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    append_anchor(path, SCORE)
    path.write_bytes(path.read_bytes() + b'{"item": "x", "sc')
    append_anchor(path, PAIR)
    assert read_anchors(path) == Anchors((SCORE,), (PAIR,), 1)


def test_a_file_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="does not exist"):
        read_anchors(tmp_path / "none.jsonl")


def test_a_file_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "anchors.jsonl"):
        with pytest.raises(KnownError, match=str(tmp_path)):
            append_anchor(path, SCORE)


@given(st.lists(scores | pairs, max_size=8))
@settings(max_examples=40)
def test_what_is_appended_is_read_and_equals_the_last_of_each_thing(
    tmp_path_factory: pytest.TempPathFactory, anchors: list[Anchor]
) -> None:
    path = tmp_path_factory.mktemp("anchors") / "deep" / "anchors.jsonl"
    for anchor in anchors:
        append_anchor(path, anchor)
    last = {anchor.thing: anchor for anchor in anchors}
    read_back = read_anchors(path) if anchors else Anchors()
    assert read_back.unreadable == 0
    expected = [anchor for anchor in last.values() if not is_taken_back(anchor)]
    assert sorted(map(repr, [*read_back.scores, *read_back.pairs])) == sorted(map(repr, expected))


def is_taken_back(anchor: Anchor) -> bool:
    return (anchor.score if isinstance(anchor, AnchorScore) else anchor.winner) is None


@pytest.mark.parametrize(
    "data", [b'{"question": "?", "class": "math", "std_answer": ""}\n', b"\xff\x00", b"text\n", b"["]
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "eval_set.json"
    path.write_bytes(data)
    with pytest.raises(KnownError, match="not a file of decisions"):
        read_anchors(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"\n", b"{", b'{"item": "a", "se'])
def test_an_empty_file_and_a_first_row_that_was_cut_off_are_gone_on_with(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_bytes(data)
    assert read_anchors(path).unreadable == bool(data.strip())
