"""`belle eval mme` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle.cli.main import main


def answers(folder: Path, first: str, second: str) -> str:
    folder.mkdir()
    (folder / "OCR.txt").write_text(f"1.jpg\ta?\tYes\t{first}\n1.jpg\tb?\tNo\t{second}\n", encoding="utf-8")
    return str(folder)


def test_answers_are_scored_and_the_report_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [answers(tmp_path / "f16", "Yes", "No"), answers(tmp_path / "q4", "Yes", "Perhaps")]
    assert main(["eval", "mme", *folders, "-o", str(tmp_path / "out")]) == 0
    assert "| q4 | 50.00 |" in capsys.readouterr().out
    data = json.loads((tmp_path / "out" / "mme.json").read_text(encoding="utf-8"))
    assert data["models"][0]["sums"]["perception"]["score"]["value"] == 200
    assert data["models"][1]["tasks"]["OCR"]["other"] == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"mme.html", "mme.md", "mme.json"}


def test_a_folder_without_answers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mme", str(tmp_path)]) != 0
    assert "has no answers to MME" in capsys.readouterr().err


def test_two_folders_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").mkdir()
    folders = [answers(tmp_path / "m", "Yes", "No"), answers(tmp_path / "x" / "m", "Yes", "No")]
    assert main(["eval", "mme", *folders]) != 0
    assert "Two models have the name m" in capsys.readouterr().err


def test_a_model_that_does_not_see_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mme", "starter", "-o", str(tmp_path / "out")]) != 0
    told = capsys.readouterr().err
    assert "does not take pictures" in told
    assert "--mmproj" in told


def test_a_model_without_a_folder_for_its_answers_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mme", "starter"]) != 0
    assert "-o DIR" in capsys.readouterr().err
