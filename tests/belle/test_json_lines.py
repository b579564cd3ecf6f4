"""JSON Lines that grow: what is there is gone on with, and what is torn, damaged or of another run is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.json_lines import JsonLines, ResumableLines, read_rows

IDENTITY = {"what": "测试", "n": 1, "nested": {"b": [1.5], "a": None}}
FIRST = '{"n": 1, "nested": {"a": null, "b": [1.5]}, "what": "测试"}\n'


def opened(path: Path, *, resume: bool = True, identity: Any = IDENTITY) -> tuple[ResumableLines, list[int]]:
    found: list[int] = []
    return ResumableLines(path, identity, lambda row: found.append(row["value"]), resume=resume), found


def test_results_are_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.jsonl"
    for expected in ([], [0], [0, 1]):
        lines, found = opened(path)
        assert found == expected
        lines.append({"value": len(expected), "text": "好"})
        lines.close()
    assert path.read_text(encoding="utf-8") == FIRST + "".join(f'{{"value": {n}, "text": "好"}}\n' for n in range(3))


@pytest.mark.parametrize(
    "tail",
    ['{"value": 9', '{"value": 9}', "nothing\n", "[9]\n", "9\n", "null\n", '{"other": 9}\n', "\n", "\ufeff\n"],
)
def test_what_is_torn_or_damaged_ends_the_results(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(FIRST + '{"value": 1}\n' + tail + '{"value": 2}\n', encoding="utf-8")
    lines, found = opened(path)
    assert found == [1]
    lines.append({"value": 3})
    lines.close()
    assert path.read_text(encoding="utf-8") == FIRST + '{"value": 1}\n{"value": 3}\n'


@pytest.mark.parametrize("change", [{"resume": False}, {"identity": {**IDENTITY, "n": 2}}, {"identity": {"n": 1}}])
def test_results_of_another_run_are_thrown_away(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(FIRST + '{"value": 1}\n', encoding="utf-8")
    lines, found = opened(path, **change)
    assert found == []
    lines.close()
    assert list(read_rows(path)) == [change.get("identity", IDENTITY)]


@given(content=st.binary(max_size=60))
def test_any_file_is_opened_and_written_on(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    path.write_bytes(b'{"value": 1}\n' + content)
    rows: list[dict[str, Any]] = []
    lines = JsonLines(path, rows.append)
    lines.append({"value": 2})
    lines.close()
    assert list(read_rows(path)) == [*rows, {"value": 2}]


def test_the_last_line_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = JsonLines(path, lambda _: None)
    lines.append({"value": 1})
    lines.append({"value": 2, "more": "a long text"})
    lines.replace_last({"value": 3})
    assert lines.last == {"value": 3}
    lines.close()
    again = JsonLines(path, lambda _: None)
    again.replace_last({"value": 4})
    again.close()
    assert list(read_rows(path)) == [{"value": 1}, {"value": 4}]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path / "rows.jsonl")) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KnownError) as caught:
        opened(tmp_path / "file" / "results.jsonl")
    assert caught.value.kind == "folder_not_writable"
