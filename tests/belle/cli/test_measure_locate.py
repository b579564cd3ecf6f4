"""`belle measure --by-layer --suggest --by-token` from its command line, on tiny models."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from belle.cli.main import main
from belle.evaluation.measurement import read_measurement
from belle.evaluation.report.layers import layers_of
from belle.evaluation.report.page import page
from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.evaluation.layered_models import BROKEN, broken_pair
from tests.belle.evaluation.tiny_models import TEXT, change

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds, and are not what is asked about."""
    monkeypatch.setattr("belle.evaluation.report.plots.installed", lambda: False)


def run(*arguments: str | Path) -> int:
    return main(["measure", *map(str, arguments)])


def options(tmp_path: Path, words: Path) -> tuple[str | Path, ...]:
    return "--text", words, "-o", tmp_path / "out", "--ctx", "64", "--chunks", "3", "--threads", "1"


def test_the_broken_tensor_is_in_every_form_of_the_report(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = broken_pair(tmp_path)
    more = ("--by-layer", "--by-layer-chunks", "2", "--by-layer-tensors", "4", "--by-token", "--by-token-windows", "2")
    assert run(reference, candidate, reference, *options(tmp_path, words), *more) == 0
    out = tmp_path / "out"
    shown = capsys.readouterr().out
    assert BROKEN in shown
    assert "tokens.html: 64 tokens" in shown
    result = read_measurement(out)
    assert result.complete
    broken, same = layers_of(result)
    assert broken.tensors[0].name == BROKEN
    assert broken.n_restored == 4 < len(broken.tensors)
    assert same.tensors == []
    rows = list(csv.DictReader(io.StringIO((out / "layers.csv").read_text(encoding="utf-8"))))
    assert rows[0]["name"] == BROKEN
    assert float(rows[0]["kl_back"]) == broken.tensors[0].kl_back
    assert len(rows) == len(broken.tensors)
    for name in ("report.html", "report.md"):
        text = (out / name).read_text(encoding="utf-8").replace("\\_", "_")
        assert BROKEN in text
        assert "4 of them, those with the largest estimates, were restored alone" in text
    html = (out / "report.html").read_text(encoding="utf-8")
    assert 'href="tokens.html"' in html
    assert "Loss by layer" in html
    assert html.count("<svg") == 7
    assert "<script" in (out / "tokens.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_plots")
def test_ctrl_c_keeps_what_was_found(
    tmp_path: Path, words: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from belle.evaluation.layers.exchange import ExchangeModel

    reference, candidate = broken_pair(tmp_path)
    restored, seen = ExchangeModel.recovered, []

    def interrupted(self, names):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(names)
        return restored(self, names)

    monkeypatch.setattr(ExchangeModel, "recovered", interrupted)
    more = ("--by-layer", "--by-layer-chunks", "1")
    assert run(reference, candidate, *options(tmp_path, words), *more) == 130
    assert "not complete" in capsys.readouterr().out
    [layers] = layers_of(read_measurement(tmp_path / "out"))
    assert [group.kl_back is None for group in layers.blocks] == [False, False, False, True]
    assert "This analysis was interrupted" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert not list((tmp_path / "out").glob("tmp*"))


@pytest.mark.usefixtures("without_plots")
def test_resume_asks_only_what_is_not_known(tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from belle.evaluation.layers.exchange import ExchangeModel

    reference, candidate = broken_pair(tmp_path)
    restored, seen = ExchangeModel.recovered, []

    def counted(self, names):
        if len(seen) == stop:
            raise KeyboardInterrupt
        seen.append(tuple(names))
        return restored(self, names)

    def layers_after(folder: str, *more: str) -> object:
        given = ("--text", words, "-o", tmp_path / folder, "--ctx", "64", "--chunks", "3", "--threads", "1")
        status = run(reference, candidate, *given, "--by-layer", "--by-layer-chunks", "1", *more)
        assert status == (130 if len(seen) == stop else 0)
        return layers_of(read_measurement(tmp_path / folder))

    monkeypatch.setattr(ExchangeModel, "recovered", counted)
    stop = 10_000
    whole = layers_after("whole")
    n_whole = len(seen)
    stop = 13  # in the middle of the single tensors
    seen.clear()
    layers_after("out")
    known, stop = list(seen), 10_000
    with (tmp_path / "out/layers-0.jsonl").open("ab") as file:
        file.write(b'{"table": "tensors", "na')  # the power went
    seen.clear()
    assert layers_after("out", "--resume") == whole
    assert len(known) == 13
    assert not set(known) & set(seen)
    assert len(known) + len(seen) == n_whole
    # Of other windows nothing is known.
    seen.clear()
    layers_after("out", "--resume", "--by-layer-chunks", "2")
    assert len(seen) == n_whole


@pytest.mark.usefixtures("without_plots")
def test_a_candidate_that_was_given_up_is_left_out(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = broken_pair(tmp_path)
    nan = tmp_path / "nan.gguf"
    nan.write_bytes(candidate.read_bytes())
    change(nan, "output.weight", lambda w: w * np.nan)
    more = ("--by-layer", "--by-layer-chunks", "1", "--by-layer-tensors", "1", "--by-token", "--by-token-windows", "1")
    assert run(reference, nan, candidate, *options(tmp_path, words), *more) == 2
    assert "nan.gguf was given up" in capsys.readouterr().err
    assert [layers.candidate for layers in layers_of(read_measurement(tmp_path / "out"))] == ["broken.gguf"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--by-layer-chunks", "3"], "Give --by-layer as well"),
        (["--by-token-windows", "3"], "Give --by-token as well"),
        (["--by-layer", "--by-layer-chunks", "0"], "--by-layer-chunks 0"),
        (["--by-layer", "--by-layer-tensors", "-2"], "--by-layer-tensors is -2"),
        (["--by-token", "--by-token-windows", "1000"], "1000 windows cannot be made"),
        (["--by-layer", "--bits-per-byte"], "different tensors"),
        (["--suggest", "nan"], "sizes go from"),
        (["--suggest", "-3"], "sizes go from"),
        (["--suggest", "7"], "No file of 7 GB can be made of this model"),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(
    tmp_path: Path, words: Path, capsys: Captured, more: list[str], said: str
) -> None:
    assert run(*broken_pair(tmp_path), *options(tmp_path, words), *more) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be_compared_by_layer_are_refused(tmp_path: Path, words: Path, capsys: Captured) -> None:
    reference, candidate = broken_pair(tmp_path)
    smaller = tmp_path / "smaller.gguf"
    write_random_model(smaller)
    assert run(reference, smaller, *options(tmp_path, words), "--by-layer") == 2
    assert "smaller.gguf does not: they cannot be compared by layer" in capsys.readouterr().err
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint/config.json").write_text("{}")
    assert run(tmp_path / "checkpoint", candidate, *options(tmp_path, words), "--by-layer") == 2
    assert "belle convert" in capsys.readouterr().err
    assert run(reference, candidate, "--tasks", words, "-o", tmp_path / "out", "--by-layer") == 2
    assert "need --text FILE" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_plots")
def test_names_cannot_break_the_page(tmp_path: Path, words: Path) -> None:
    reference, candidate = broken_pair(tmp_path)
    more = ("--by-layer", "--by-layer-chunks", "1", "--by-layer-tensors", "1")
    assert run(reference, candidate, *options(tmp_path, words), *more) == 0
    result = read_measurement(tmp_path / "out")
    evil = "<script>alert(1)</script>$x"
    text = json.dumps(result.extra["layers"]).replace("broken.gguf", evil).replace(BROKEN, evil)
    result.extra["layers"] = json.loads(text)
    data = result.to_json().replace("broken.gguf", evil)
    assert "<script" not in page(type(result).from_json(data))
