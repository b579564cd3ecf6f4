"""Conditions on columns, and `belle data filter`, which keeps the records that hold them as they are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.cli.main import main
from belle.data.condition import parse_condition
from belle.errors import KnownError

ROW = {
    "judge": 0.8,
    "agreement": 0.5,
    "parsed": True,
    "n": 3,
    "none": None,
    "labels": {"scene": "train"},
    "x-y": "it's",
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("judge >= 0.7 and agreement >= 0.5", True),
        ("judge>=0.7 and agreement>0.5", False),
        ("judge > 0.9 or n == 3", True),
        ("judge > 0.9 or n == 4 or parsed", True),
        ("not parsed", False),
        ("not (judge > 0.9) and not has missing", True),
        ("has judge", True),
        ("has labels.scene and labels.scene = 'train'", True),
        ('labels.scene != "train"', False),
        ('labels.scene < "z"', True),
        ("labels.place == 'x'", False),
        ("labels.place != 'x'", False),
        ("missing < 1", False),
        ("not missing < 1", True),
        ("judge == '0.8'", False),
        ("parsed == 1", False),
        ("parsed == true", True),
        ("parsed != false", True),
        ("n > true", False),
        ("none == null", True),
        ("judge != null", True),
        ("judge == null", False),
        ('x-y == "it\'s"', True),
        ("x-y == 'it\\'s'", True),
        ("n == 3e0 and n < +4 and n > -1.5", True),
        ("judge > 0.1 and judge < 0.2 or n == 3", True),
        ("n == 3 or judge > 0.1 and judge < 0.2", True),
        ("(n == 3 or judge > 0.1) and judge < 0.2", False),
    ],
)
def test_a_condition_holds_or_does_not(text: str, holds: bool) -> None:
    assert parse_condition(text).holds(ROW) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "judge >=",
        ">= 3",
        "judge >= 0.7 agreement",
        "(judge > 1",
        "judge > 1)",
        "and",
        "judge == train",
        "3 < judge",
        "judge > 'x",
        "__import__('os').system('x')",
        "judge > 1; n",
        "not",
        "has",
        "has true",
        "judge.",
        "1.2.3 == judge",
        "(" * 1000,
        "not " * 1000 + "judge",
        "a" * 20_000,
    ],
)
def test_what_is_no_condition_is_said_in_words(text: str) -> None:
    with pytest.raises(KnownError, match="cannot be read") as error:
        parse_condition(text)
    assert error.value.kind == "bad_condition"


@given(st.text() | st.text(alphabet="judge n><=!()'\"andornothas. 0123", max_size=60))
def test_any_text_is_a_condition_or_an_error_in_words(text: str) -> None:
    try:
        condition = parse_condition(text)
    except KnownError:
        return
    assert condition.holds(ROW) in (True, False) and condition.holds({}) in (True, False)
    assert set(condition.missing({})) == set(condition.columns)


def test_filter_keeps_records_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out, rest = (tmp_path / name for name in ("all.jsonl", "good.jsonl.gz", "bad.jsonl"))
    rows = [{"instruction": "一", "output": "二", "judge": n / 10, "provenance": {"at": n}} for n in range(10)]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    words = ["data", "filter", str(file), "-o", str(out), "--where", "judge >= 0.3", "--where", "not judge > 0.7"]
    assert main([*words, "--rejected", str(rest)]) == 0
    kept = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
    assert kept == rows[3:8]
    assert [json.loads(line) for line in rest.read_text(encoding="utf-8").splitlines()] == rows[:3] + rows[8:]
    assert f"{out}: 5 of 10 rows" in capsys.readouterr().out


def test_a_column_that_no_row_has_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "all.jsonl", tmp_path / "good.jsonl"
    file.write_text('{"judge": 1}\n{"judge": 0, "labels": {"scene": "x"}}\n', encoding="utf-8")
    where = ("--where", "jugde > 0.5 or judge > 2", "--where", "labels.scene = 'x' or has labels.place")
    assert main(["data", "filter", str(file), "-o", str(out), *where]) == 0
    told = capsys.readouterr()
    assert f"{out}: 0 of 2 rows" in told.out
    assert "No row has the column “jugde”." in told.err and "“labels.place”" in told.err
    assert "“judge”" not in told.err and "scene" not in told.err
    assert main(["data", "filter", str(file), "-o", str(out), "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["columns_that_no_row_has"] == ["jugde", "labels.place"]


def test_filter_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"judge": 1}\n[1]\n', encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert main(["data", "filter", str(file), "-o", str(out), "--where", "judge >"]) == 2
    assert "a value is missing" in capsys.readouterr().err
    assert main(["data", "filter", str(file), "-o", str(out), "--where", "judge > 0"]) == 2
    assert "line 2" in capsys.readouterr().err and not out.exists()
