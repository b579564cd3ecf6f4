"""Files of questions: what is read of each published form, and what is said of a broken one."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.evaluation.tasks.items import LETTERS, language_of
from belle.evaluation.tasks.readers import read_items

ROOT = Path(__file__).parents[4]
BELLE = Path(os.environ.get("BELLE_EVAL_SET", "none"))
GOOD = {"id": "a", "question": "1 + 1?", "choices": ["1", "2"], "answer": "B", "category": "math"}


def jsonl(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(path: Path, *rows: list[str], encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), encoding=encoding)
    return path


def test_the_own_set_is_read_whole() -> None:
    found = read_items(ROOT / "assets/evaluation/items.jsonl")
    assert len(found.items) == 250
    assert [sum(item.kind == kind for item in found.items) for kind in ("choice", "exact", "free")] == [214, 36, 0]
    assert found.counts()["math"] == 28
    assert {item.language for item in found.items} == {"zh", "en"}
    assert found.examples == {}


def test_json_lines_with_little_in_them(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        {"question": "天上\u2028有几个太阳？", "answer": "一个"},
        "",
        {"question": "Which?", "choices": ["x", "y"], "answer": "y", "split": "dev", "category": "all"},
    )
    found = read_items(path)
    [item] = found.items
    assert (item.id, item.kind, item.language, item.category) == ("line-1", "exact", "zh", "all")
    [example] = found.examples["all"]
    assert (example.answer, example.answer_text) == ("B", "y")
    assert found.examples_for(item, 1) == [example]
    with pytest.raises(KnownError, match="has 1 examples of “all”, 2 are asked for"):
        found.examples_for(item, 2)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{not json", "line 2 is not valid JSON"),
        ("[1]", "line 2 is not a JSON object"),
        ({**GOOD, "id": "b", "question": " "}, "line 2 has no text “question”"),
        ({"question": "a"}, "line 2 has no text “answer”"),
        ({**GOOD, "id": "b", "answer": "C"}, "line 2 has the answer 'C', which is none of its choices A–B"),
        ({**GOOD, "id": "b", "answer": "AB"}, "line 2 has the answer 'AB'"),
        ({**GOOD, "id": "b", "choices": ["2", "2"], "answer": "2"}, "line 2 has the answer '2'"),
        ({**GOOD, "id": "b", "choices": "12"}, "line 2 has choices that are not a list"),
        ({**GOOD, "id": "b", "choices": ["1"], "answer": "A"}, "line 2 has 1 choices"),
        ({**GOOD, "id": "b", "choices": ["1", ""]}, "line 2 has an empty choice"),
        ({**GOOD, "id": "b", "choices": list("a" * 27)}, "line 2 has 27 choices"),
        ({**GOOD, "id": "b", "language": "fr"}, "line 2 has the language 'fr'"),
        (GOOD, "line 2 has the id 'a' of line 1"),
        ({"question": "a", "class": "math", "std_answer": 5}, "line 2 has a std_answer that is not a text"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, row: object, said: str) -> None:
    path = jsonl(tmp_path / "a.jsonl", GOOD, row)
    with pytest.raises(KnownError) as caught:
        read_items(path)
    assert caught.value.kind == "bad_items"
    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_wrong_encoding_missing_and_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        json.dumps(GOOD).encode() + b"\n" + json.dumps({"question": "中"}, ensure_ascii=False).encode("gbk")
    )
    with pytest.raises(KnownError, match=r"is not UTF-8 \(line 2\)"):
        read_items(path)
    with pytest.raises(KnownError, match="does not exist"):
        read_items(tmp_path / "none.jsonl")
    for empty in (jsonl(tmp_path / "b.jsonl"), tmp_path):
        with pytest.raises(KnownError) as caught:
            read_items(empty)
        assert caught.value.kind == "no_items"


def test_belle_set_in_its_own_form(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "eval_set.json",
        {"question": "中国的首都？", "class": "closed\u00a0qa", "std_answer": "北京"},
        {"question": "写一首诗", "class": "generation", "std_answer": ""},
        {"question": "怎么做饭？", "class": "open qa", "std_answer": "先洗米，再加水，然后放进锅里煮熟。"},
    )
    found = read_items(path)
    assert [(item.category, item.kind) for item in found.items] == [("closed qa", "exact"), ("open qa", "free")]
    assert found.left_out == 1


@pytest.mark.skipif(not BELLE.is_file(), reason="BELLE_EVAL_SET names no file")
def test_the_published_belle_set() -> None:
    found = read_items(BELLE)
    assert len(found.items) + found.left_out == 1000
    assert found.left_out == 369
    assert sum(item.kind == "exact" for item in found.items) >= 30
    assert "closed qa" in found.counts()


HEADS = {
    "ceval": (["id", "question", "A", "B", "C", "D", "answer"], "{}_{}.csv", ["0"]),
    "cmmlu": (["", "Question", "A", "B", "C", "D", "Answer"], "{}.csv", ["0"]),
    "mmlu": (None, "{}_{}.csv", []),
}


@pytest.mark.parametrize("published", HEADS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_published_folders(tmp_path: Path, published: str, encoding: str) -> None:
    head, name, number = HEADS[published]
    row = [*number, "Which one,\nof these?", "w", "x", "y", "z", "C"]
    top = [head] if head else []
    for split in ("dev", "test", "val"):
        if split == "val" and published == "cmmlu":
            continue
        rows = [*top, row]
        if split == "test" and published == "ceval":
            rows = [line[:-1] for line in rows]
        for subject in ("law", "high_school_physics"):
            table(tmp_path / split / name.format(subject, split), *rows, encoding=encoding)
    found = read_items(tmp_path)
    assert [item.category for item in found.items] == ["high_school_physics", "law"]
    assert [item.answer for item in found.items] == ["C", "C"]
    assert found.items[0].choices == ("w", "x", "y", "z")
    assert found.items[0].question == "Which one,\nof these?"
    assert set(found.examples) == {"law", "high_school_physics"}
    split = "val" if published == "ceval" else "test"
    one = read_items(tmp_path / split / name.format("law", split))
    assert [item.category for item in one.items] == ["law"]
    assert list(one.examples) == ["law"]
    assert one.sha256 != found.sha256


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [["question", "A", "B", "C", "D"], ["q", "1", "2", "3", "4"]],
            "line 1 is a heading without the column answer",
        ),
        ([["question", "text", "answer"]], "line 1 is a heading without the column a, b"),
        ([["q", "1", "2", "3", "A"]], "line 1 is neither a heading"),
        (
            [["question", "A", "B", "answer"], ["q\nq", "1", "2", "A"], ["q", "1", "2", "E"]],
            "line 4 has the answer 'E'",
        ),
        ([["question", "A", "B", "answer"], ["q", "1"]], "line 2 has 2 columns, 4 are needed"),
        ([["question", "A", "B", "answer"], ["", "1", "2", "A"]], "line 2 has no question"),
        ([["question", "A", "B", "C", "answer"], ["q", "1", "", "3", "A"]], "line 2 has an empty choice"),
        (
            [["id", "question", "A", "B", "answer"], ["7", "q", "1", "2", "A"], ["7", "r", "1", "2", "A"]],
            "line 3 has the id of line 2",
        ),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, rows: list[list[str]], said: str) -> None:
    path = table(tmp_path / "law.csv", *rows)
    with pytest.raises(KnownError) as caught:
        read_items(path)
    assert said in caught.value.message
    assert "law.csv" in caught.value.message


def test_broken_quotes_and_missing_last_choices(tmp_path: Path) -> None:
    path = tmp_path / "law.csv"
    path.write_text('question,A,B,answer\nq,"1"x,2,A\n', encoding="utf-8")
    with pytest.raises(KnownError, match=r"law\.csv, line 2 is not CSV"):
        read_items(path)
    [item] = read_items(table(path, ["question", "A", "B", "C", "D", "answer"], ["q", "1", "2", "", "", "A"])).items
    assert item.choices == ("1", "2")


def test_a_limit_is_spread_over_all(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": str(i), "category": str(i // 10)} for i in range(40)]
    found = read_items(jsonl(tmp_path / "a.jsonl", *rows))
    assert [item.id for item in found.limited(4).items] == ["0", "10", "20", "30"]
    assert found.limited(0) is found.limited(40) is found


texts = st.text(min_size=1).filter(lambda text: text.strip())


@given(st.lists(st.tuples(texts, st.lists(texts, min_size=2, max_size=26, unique=True), st.data()), min_size=1))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows) -> None:
    written = [
        {"question": question, "choices": choices, "answer": LETTERS[data.draw(st.integers(0, len(choices) - 1))]}
        for question, choices, data in rows
    ]
    path = tmp_path_factory.mktemp("items") / "a.jsonl"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\r\n" for row in written))
    found = read_items(path).items
    assert [{"question": i.question, "choices": list(i.choices), "answer": i.answer} for i in found] == written
    assert all(item.language == language_of(item.question) for item in found)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_no_bytes_raise_anything_but_a_known_error(tmp_path_factory: pytest.TempPathFactory, name, data) -> None:
    path = tmp_path_factory.mktemp("items") / name
    path.write_bytes(data)
    try:
        assert read_items(path).items
    except KnownError as error:
        assert str(path) in error.message
