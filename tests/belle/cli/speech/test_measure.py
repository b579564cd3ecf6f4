"""`belle measure --speech` with the real library and models that say known words whatever they hear."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from belle.speech import library
from tests.belle.speech.conftest import write_recording
from tests.belle.speech.speaking_model import write_model

pytestmark = pytest.mark.skipif(not library.is_installed(), reason="needs pywhispercpp (the extra “voice”)")


def run(*words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "belle", "measure", *map(str, words), "--speech", "--threads", "1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    return result


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    for name in ("a", "b", "c"):
        write_recording(tmp_path / "clips" / f"{name}.wav", 0.3, 1, 0.3)
    return tmp_path / "clips"


def test_errors_are_counted_for_each_model_and_an_earlier_run_is_gone_on_with(clips: Path, tmp_path: Path) -> None:
    right = write_model(tmp_path / "right.bin", ["你好", "世界", "！"])
    wrong = write_model(tmp_path / "wrong.bin", ["這裡", "好"])
    # No character of the sentence that whisper.cpp is told before Chinese: the models count its tokens as their own.
    lines = ["a 你好，世界！", "b 你好世界", "c\t这里好世界人"]
    (tmp_path / "text").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "report"
    words = (right, wrong, "--audio", clips, "--transcripts", tmp_path / "text", "--language", "zh", "-o", out)
    table = run(*words).stdout
    assert "CER %" in table
    with (out / "speech.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    counted = ("substitutions", "deletions", "insertions", "length", "clips")
    assert [int(first[name]) for name in counted] == [1, 2, 0, 14, 3]
    assert [int(second[name]) for name in counted] == [6, 5, 0, 14, 3]
    assert float(second["rate"]) == pytest.approx(11 / 14)
    assert float(second["difference"]) == pytest.approx(8 / 14)
    assert first["kl"] == ""
    assert float(second["kl"]) > 1
    assert int(second["tokens"]) > 3
    page = (out / "speech.html").read_text(encoding="utf-8")
    assert "heard worse than the first model" in page
    assert "這裡好" in page
    kept = json.loads((out / "speech.json").read_text(encoding="utf-8"))
    assert [model["name"] for model in kept["models"]] == ["right.bin", "wrong.bin"]
    assert kept["clips"][0]["heard"] == ["你好世界！", "這裡好"]
    heard = out / "heard-1.jsonl"
    rows = heard.read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["text"] for row in rows[1:]] == ["這裡好"] * 3
    heard.write_text("\n".join(rows[:3]) + '\n{"clip": "c', encoding="utf-8")
    assert run(*words, "--resume").stdout.splitlines()[2] == table.splitlines()[2]
    assert len(heard.read_text(encoding="utf-8").splitlines()) == 4


def test_english_is_counted_in_words(clips: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.bin", [" Hello", " world", "."])
    rows = [{"audio": "a.wav", "text": "hello, World"}, {"audio": "b", "text": "Hello twenty-one worlds"}]
    (tmp_path / "text.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    words = ("--audio", clips, "--transcripts", tmp_path / "text.jsonl", "--language", "en", "-o", tmp_path / "out")
    table = run(model, model, *words).stdout
    assert "| model.bin | 8 | 50.00 |" in table
    assert "WER %" in table
    assert "| 0 | 0 to 0 | 100.00 |" in table, "a model and itself"
    assert "KL" not in run(model, model, *words[:-1], tmp_path / "other", "--no-kl").stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("d something", "there is no recording"),
        ("a one\na two", "is there twice"),
        ("", "has no lines"),
        ('{"audio": 1}', "has no “audio” and “text”"),
        ('{"audio"', "is not valid JSON"),
    ],
)
def test_what_is_wrong_with_transcripts_is_said(text: str, words: str, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(text, encoding="utf-8")
    model = tmp_path / "model.bin"
    model.write_bytes(b"")
    options = ("--audio", clips, "--transcripts", tmp_path / "text", "-o", tmp_path / "out")
    assert words in run(model, model, *options, status=2).stderr
    assert not (tmp_path / "out").exists()


def test_what_is_missing_on_the_command_line_is_said(tmp_path: Path) -> None:
    assert "--audio DIR" in run(tmp_path, tmp_path, status=2).stderr
