"""`belle eval run --strategy`: one model by several strategies, with the real starter model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from tests.support.chat_server import answer, chat_server

ITEMS = [
    {"id": "a", "class": "multi-turn", "turns": ["How much is 12*12?", "And twice that?"], "reference": "288"},
    {"id": "b", "class": "open qa", "question": "What is red?", "reference": "a colour"},
]
QUICK = ("--max-tokens", "12", "--threads", "1", "--ctx", "2048", "--steps", "2")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f"{json.dumps(item)}\n" for item in ITEMS), encoding="utf-8")
    return path


def belle(*words: str | Path) -> int:
    return main(["eval", "run", *map(str, words)])


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_each_strategy_is_a_model_of_its_own_with_its_costs(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("starter", "--set", items, "-o", tmp_path / "out", "--class", "multi-turn", *QUICK)
    assert belle(*words, "--strategy", "plain,duma") == 0
    told = capsys.readouterr().out
    assert "starter-duma: 2 of 2 answers" in told
    assert "cost of a turn" in told
    assert "woke slow mind" in told
    file = tmp_path / "out/answers/starter-duma.jsonl"
    head, first, second = rows(file)
    assert head["run"]["strategy"] == "duma"
    assert head["run"]["tools"] == ["calculator", "calendar"]
    assert first["record"]["usage"]["calls"] >= 1
    assert second["record"]["usage"]["reused_tokens"] > second["record"]["usage"]["prompt_tokens"] / 3

    with chat_server(lambda _: answer('{"reason": "so", "score": 0.5}')) as server:
        judge = (tmp_path / "out", "--set", items, "--url", server.url, "--model", "j")
        assert main(["eval", "judge", *map(str, judge)]) == 0
    report = tmp_path / "report.json"
    assert main(["eval", "report", *map(str, (tmp_path / "out", "--set", items, "-o", report))]) == 0
    assert "## Cost of a turn" in capsys.readouterr().out
    costs = json.loads(report.read_text(encoding="utf-8"))["costs"]
    assert (costs["starter-plain"]["turns"], costs["starter-duma"]["turns"]) == (2, 2)
    assert costs["starter-duma"]["means"]["calls"]["value"] >= 1

    # A run that was cut after the first turn goes on with what that turn remembers.
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:2]), encoding="utf-8")
    assert belle(*words, "--strategy", "duma") == 0
    assert rows(file)[2]["choices"] == second["choices"]


def test_what_cannot_be_held_to_a_syntax_is_refused(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(lambda body: answer("x", model=body["model"])) as server:
        words = ("--url", server.url, "--model", "BELLE", "--set", items, "-o", tmp_path / "out", "--strategy", "react")
        assert belle(*words) == 2
    assert "cannot answer by a strategy" in capsys.readouterr().err
    assert belle("starter", "--set", items, "-o", tmp_path / "out", "--slow", "starter") == 2
    assert "--slow belongs to" in capsys.readouterr().err
    assert belle("starter", "--set", items, "-o", tmp_path / "out", "--class", "poetry") == 2
    assert "has no class “poetry”" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        belle("starter", "--set", items, "-o", tmp_path / "out", "--strategy", "magic")


def test_raise_recalls_from_a_file(items: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text(json.dumps({"instruction": "How much is 12*11?", "input": "", "output": "132"}) + "\n")
    words = ("starter", "--set", items, "-o", tmp_path / "out", "--class", "multi-turn", *QUICK, "--recall", path)
    assert belle(*words, "--strategy", "raise") == 0
    head, first, _ = rows(tmp_path / "out/answers/starter-raise.jsonl")
    assert len(head["run"]["recall"]) == 64
    assert first["record"]["steps"].startswith("≈ How much is 12*11?")
