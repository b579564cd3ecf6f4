"""`belle measure` from its command line, on tiny models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belle.cli.main import main
from belle.evaluation.measurement import read_measurement
from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.evaluation.tiny_models import TEXT, change, pair

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def run(*arguments: str | Path) -> int:
    return main(["measure", *map(str, arguments)])


def test_a_report_in_four_forms_and_its_difference(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = pair(tmp_path)
    out = tmp_path / "out"
    options = ("--text", words, "-o", out, "--ctx", "64", "--chunks", "4", "--threads", "1")
    assert run(reference, candidate, reference, *options) == 0
    shown = capsys.readouterr().out
    assert "candidate.gguf" in shown
    assert "100.000 %" in shown
    assert {path.name for path in out.glob("report.*")} == {f"report.{end}" for end in ("html", "md", "csv", "json")}
    result = read_measurement(out)
    assert result.complete
    assert result.text.n_windows == 4
    assert run("diff", out, out) == 0
    assert "+0.00 %" in capsys.readouterr().out


def test_resume_after_everything_was_measured_writes_the_same(tmp_path: Path, words: Path) -> None:
    reference, candidate = pair(tmp_path)
    options = ("--text", words, "-o", tmp_path / "out", "--ctx", "64", "--chunks", "3", "--threads", "1")
    assert run(reference, candidate, *options) == 0
    first = read_measurement(tmp_path / "out")
    assert run(reference, candidate, *options, "--resume") == 0
    assert read_measurement(tmp_path / "out").candidates[0].loss == first.candidates[0].loss


def test_ctrl_c_leaves_a_report(tmp_path: Path, words: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from belle.evaluation.text.comparison import Comparison

    reference, candidate = pair(tmp_path)
    window, seen = Comparison.window, []

    def interrupted(self, piece):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(piece)
        return window(self, piece)

    monkeypatch.setattr(Comparison, "window", interrupted)
    assert run(reference, candidate, "--text", words, "-o", tmp_path / "out", "--ctx", "64", "--threads", "1") == 130
    result = read_measurement(tmp_path / "out")
    assert result.text.n_windows == 2 < result.text.n_windows_planned
    assert result.candidates[0].loss is not None
    assert "not complete" in capsys.readouterr().out


def test_a_broken_candidate_is_named_and_the_report_written(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = pair(tmp_path)
    change(candidate, "output.weight", lambda w: w * np.nan)
    assert run(reference, candidate, "--text", words, "-o", tmp_path / "out", "--ctx", "64", "--threads", "1") == 2
    assert "candidate.gguf was given up. It predicts NaN" in capsys.readouterr().err
    assert "given up" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_bits_per_byte_of_models_with_different_vocabularies(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = pair(tmp_path)
    candidate.write_bytes(candidate.read_bytes().replace("▁Human".encode(), "▁Humaz".encode()))
    options = ("--text", words, "-o", tmp_path / "out", "--ctx", "64", "--chunks", "2", "--threads", "1")
    assert run(reference, candidate, *options) == 2
    assert "--bits-per-byte" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run(reference, candidate, *options, "--bits-per-byte") == 0
    result = read_measurement(tmp_path / "out")
    assert result.only_bytes
    assert result.candidates[0].loss is None
    assert result.candidates[0].model.bits_per_byte > 0
    assert "bits per byte" in (tmp_path / "out/report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "said"), [("中文".encode("gb18030"), "is not UTF-8 (byte 0)"), (b"short", "fewer than two windows")]
)
def test_unusable_text_is_refused(tmp_path: Path, capsys: Captured, content: bytes, said: str) -> None:
    reference, candidate = pair(tmp_path)
    (tmp_path / "bad.txt").write_bytes(content)
    assert run(reference, candidate, "--text", tmp_path / "bad.txt", "-o", tmp_path / "out") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_options_and_files_are_said(tmp_path: Path, words: Path, capsys: Captured) -> None:
    assert run("a.gguf", "b.gguf") == 2
    assert "--text" in capsys.readouterr().err
    assert run(tmp_path / "a.gguf", tmp_path / "b.gguf", "--text", words, "-o", tmp_path / "out") == 2
    assert "a.gguf" in capsys.readouterr().err
    assert run("diff", tmp_path) == 2
    assert "Two reports" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = pair(tmp_path)
    assert run(reference, candidate, "--text", words, "-o", words) == 2
    assert "is a file; a folder is written" in capsys.readouterr().err
    assert words.read_text(encoding="utf-8") == TEXT


def mean_kl(folder: Path) -> float:
    loss = read_measurement(folder).candidates[0].loss
    assert loss is not None
    return loss.kl


def test_what_a_quantized_kv_cache_costs(tmp_path: Path, words: Path) -> None:
    model = tmp_path / "model.gguf"
    write_random_model(model, n_embd=64, n_layers=2)
    options = ("--text", words, "--ctx", "64", "--chunks", "4", "--threads", "1")
    losses = {}
    for kv_type in ("f16", "q8_0", "q4_0"):
        out = tmp_path / kv_type
        assert run(model, model, *options, "-o", out, "--kv-type", kv_type) == 0
        losses[kv_type] = mean_kl(out)
    assert losses["f16"] < 1e-9 < losses["q8_0"] < losses["q4_0"]
    assert run(model, model, *options, "-o", tmp_path / "q8_0", "--kv-type", "q4_0", "--resume") == 0
    assert mean_kl(tmp_path / "q8_0") == losses["q4_0"], "nothing of another type is taken over"


def test_a_kv_type_that_a_model_or_a_measurement_cannot_have_is_refused(
    tmp_path: Path, words: Path, capsys: Captured
) -> None:
    model = tmp_path / "model.gguf"
    write_random_model(model, n_embd=80)
    assert run(model, model, "--text", words, "-o", tmp_path / "out", "--kv-type", "q8_0", "--ctx", "64") == 2
    assert "40 values" in capsys.readouterr().err
    for words_too_many in (("--bits-per-byte",), ("--by-token",), ("--tasks", words)):
        arguments = (model, model, "--text", words, "-o", tmp_path / "out", "--kv-type", "q8_0", *words_too_many)
        assert run(*arguments) == 2
        assert "--kv-type" in capsys.readouterr().err
