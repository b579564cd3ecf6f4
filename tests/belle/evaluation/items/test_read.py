"""Sets of items are read whole, in their published form, or refused with file and line."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.evaluation.items.checks import NumberCheck
from belle.evaluation.items.item import class_name
from belle.evaluation.items.read import read_set

BELLE = Path(os.environ.get("BELLE_EVAL_SET", "none"))
ITEM = {"id": "m1", "class": "math", "question": "1+1?", "checks": [{"type": "number", "value": 2}]}


def write(folder: Path, *rows: object, name: str = "items.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return path


def test_an_item_is_read_with_all_it_is_scored_by(tmp_path: Path) -> None:
    talk = {
        "id": "t1",
        "class": "multi-turn",
        "turns": ["你好", "再说一遍"],
        "reference": " 你好 ",
        "rubric": ["repeats itself"],
    }
    first, second = read_set(str(write(tmp_path, ITEM, talk))).items
    assert (first.id, first.category, first.turns, first.checks) == ("m1", "math", ("1+1?",), (NumberCheck(2.0),))
    assert (second.turns, second.reference, second.rubric) == (("你好", "再说一遍"), "你好", ("repeats itself",))


def test_belles_own_form_is_read(tmp_path: Path) -> None:
    rows = [
        {"question": "二加二？", "class": "closed\u00a0qa", "std_answer": "四"},
        {"question": "写诗", "class": "generation", "std_answer": ""},
    ]
    items = read_set(str(write(tmp_path, *rows, name="eval_set.json")))
    assert [(item.id, item.category, item.reference) for item in items.items] == [
        ("0001", "closed qa", "四"),
        ("0002", "generation", ""),
    ]
    assert items.classes == {"closed qa": 1, "generation": 1}


@pytest.mark.skipif(not BELLE.is_file(), reason="BELLE_EVAL_SET names no file")
def test_all_of_belles_published_set_is_read() -> None:
    items = read_set(str(BELLE))
    assert len(items.items) == 1000
    assert items.classes["open qa"] == 285
    assert items.classes["closed qa"] == 52
    assert sum(bool(item.reference) for item in items.items) == 631


@pytest.mark.parametrize("name", ["open QA", "open qa", "open\u00a0QA", " Open  qa", "open_qa"])
def test_one_class_has_one_name(name: str) -> None:
    assert class_name(name) == "open qa"


def test_a_folder_is_one_set(tmp_path: Path) -> None:
    write(tmp_path, ITEM, name="a.jsonl")
    write(tmp_path, {**ITEM, "id": "m2"}, name="b.jsonl")
    assert [item.id for item in read_set(str(tmp_path)).items] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (3, "is not an object"),
        ({**ITEM, "answer": 2}, "unknown key 'answer'"),
        ({**ITEM, "id": ""}, "no id"),
        ({**ITEM, "id": 1}, "an id that is not text"),
        ({**ITEM, "class": None}, "no class"),
        ({**ITEM, "question": " "}, "asks nothing"),
        ({**ITEM, "question": None}, "not text"),
        ({**ITEM, "turns": []}, "asks nothing"),
        ({**ITEM, "reference": 2}, "reference that is not text"),
        ({**ITEM, "rubric": "good"}, "rubric that is not text"),
        ({**ITEM, "checks": [{"type": "number"}]}, "a check that cannot be read: number has no value"),
        ({"id": "x", "class": "math", "question": "?"}, "could not be scored"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, row: object, said: str) -> None:
    with pytest.raises(KnownError) as caught:
        read_set(str(write(tmp_path, ITEM, row)))
    assert caught.value.kind == "bad_items"
    assert "line 2" in caught.value.message
    assert said in caught.value.message


def test_an_id_occurs_once(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="“m1” twice"):
        read_set(str(write(tmp_path, ITEM, ITEM)))


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="has no items"):
        read_set(str(write(tmp_path)))


@given(st.lists(st.dictionaries(st.sampled_from(["id", "class", "question", "turns", "checks", "std_answer", "x"]),
                                st.none() | st.text() | st.lists(st.text()) | st.integers()), min_size=1))  # fmt: skip
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = write(tmp_path_factory.mktemp("items"), *rows)
    try:
        assert read_set(str(path)).items
    except KnownError as error:
        assert error.kind == "bad_items"


def test_a_sample_has_of_each_class_as_many_as_can_be_and_a_larger_one_only_adds() -> None:
    own = read_set("own")
    assert set(own.sample(36).classes.values()) == {3}
    assert {item.id[-6:-4] for item in own.sample(36).items} == {"zh", "en"}
    ids = [[item.id for item in own.sample(n).items] for n in (5, 12, 100, len(own.items), len(own.items) + 1)]
    assert [len(some) for some in ids] == [5, 12, 100, len(own.items), len(own.items)]
    assert all(set(some) <= set(more) for some, more in pairwise(ids))
    assert ids[-1] == [item.id for item in own.items]
    assert own.sample(24) == own.sample(24)


def test_a_small_class_is_all_in_a_sample(tmp_path: Path) -> None:
    rows = [{"id": f"q{n}", "class": "open qa", "question": "?", "reference": "!"} for n in range(50)]
    rare = [{"id": f"r{n}", "class": "rare", "question": "?", "reference": "!"} for n in range(2)]
    items = read_set(str(write(tmp_path, *rows, *rare)))
    assert items.sample(10).classes == {"open qa": 8, "rare": 2}
    assert items.sample(1).digest == items.digest
