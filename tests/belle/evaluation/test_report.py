"""The report: what is written is read back, every form says the same, names cannot break it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.evaluation.measurement import Measurement, read_measurement
from belle.evaluation.report import write_report
from belle.evaluation.report.difference import difference
from belle.evaluation.report.page import page
from belle.evaluation.report.plots import pareto
from belle.evaluation.text.measure_text import TextRequest, measure_text
from belle.evaluation.windows import EvaluationText, Protocol
from tests.belle.evaluation.tiny_models import TEXT, pair


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Measurement:
    folder = tmp_path_factory.mktemp("measured")
    reference, candidate = pair(folder)
    request = TextRequest(
        reference, [candidate], EvaluationText("t.txt", TEXT), Protocol(n_ctx=64), folder, ["belle", "measure"]
    )
    return measure_text(request, lambda *_: None, lambda _: None)


def test_json_is_read_back_whole(result: Measurement, tmp_path: Path) -> None:
    write_report(tmp_path, result)
    assert read_measurement(tmp_path) == result
    assert read_measurement(tmp_path / "report.json") == result


def test_everything_to_repeat_it_is_inside(result: Measurement, tmp_path: Path) -> None:
    write_report(tmp_path, result)
    for name in ("report.html", "report.md"):
        words = (tmp_path / name).read_text(encoding="utf-8")
        for needed in (result.text.sha256, *result.reference.files.values(), "belle measure", "llama-cpp-python"):
            assert needed in words, (name, needed)


def test_csv_has_every_figure_in_full(result: Measurement, tmp_path: Path) -> None:
    write_report(tmp_path, result)
    reference, candidate = csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text(encoding="utf-8")))
    loss = result.candidates[0].loss
    assert float(candidate["kl_mean"]) == loss.kl
    assert float(candidate["kl_0.1"]) == loss.kl_quantiles["0.001"]
    assert float(candidate["dp_75"]) == loss.dp_quantiles["0.75"]
    assert reference["kl_mean"] == ""
    assert float(reference["ppl"]) == result.reference.ppl.value


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(result: Measurement) -> None:
    html = page(result)
    assert html.count("<svg") == 4
    for foreign in ("<script", "<link", "src=", "@import"):
        assert foreign not in html
    assert not re.search(r'(href|url\()"?https?:', html)
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    for used in re.findall(r'(?:href="#|url\(#)([^")]+)', html):
        assert used in identifiers
    assert "#0a0b0" not in html
    assert "#010203" not in html


def test_names_cannot_break_the_page(result: Measurement) -> None:
    candidate = result.candidates[0]
    name = "<script>alert(1)</script> $x_1$ & 模型|.gguf"
    evil = replace(result, candidates=[replace(candidate, model=replace(candidate.model, name=name))])
    html = page(evil)
    assert "<script" not in html
    HTMLParser().feed(html)
    assert "&lt;script&gt;" in html


def test_an_unfinished_or_failed_measurement_says_so(result: Measurement) -> None:
    text = replace(result.text, n_windows=2)
    assert "interrupted: 2 of" in page(replace(result, text=text))
    candidate = result.candidates[0]
    model = replace(candidate.model, failure="It predicts NaN or infinity.", ppl=None)
    failed = replace(result, candidates=[replace(candidate, model=model, loss=None)])
    assert "candidate.gguf was given up. It predicts NaN" in page(failed)
    assert not failed.complete
    assert Measurement.from_json(failed.to_json()) == failed


def test_the_page_without_matplotlib_has_no_plots(result: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    html = page(result)
    assert "<svg" not in html
    assert "pip install" in html


def test_difference_names_what_changed(result: Measurement) -> None:
    candidate = result.candidates[0]
    better = replace(candidate, loss=replace(candidate.loss, kl=candidate.loss.kl / 2))
    words = difference(result, replace(result, candidates=[better]))
    assert re.search(r"Mean KL .* -50\.00 %", words)
    assert "cannot be compared" not in words
    other = replace(result, text=replace(result.text, sha256="0" * 64))
    assert "cannot be compared" in difference(result, other)
    assert "only in the first: candidate.gguf" in difference(result, replace(result, candidates=[]))


def test_of_many_candidates_the_best_at_their_sizes_are_compared(result: Measurement) -> None:
    candidate = result.candidates[0]
    assert candidate.loss is not None
    many = [
        replace(
            candidate,
            model=replace(candidate.model, name=f"number-{i}.gguf", size=100 - i),
            loss=replace(candidate.loss, kl=float(abs(i - 4) + 1)),
        )
        for i in range(10)
    ]
    html = page(replace(result, candidates=many))
    assert html.count("Models on the line of the first plot only.") >= 2
    # The names of the others stand at their points and nowhere else.
    assert "number-1<" in html
    assert "number-9.gguf<" in html


def test_the_pareto_front_holds_what_nothing_beats() -> None:
    assert pareto([(3, 1), (1, 5), (2, 6), (2, 3), (4, 1)]) == [1, 3, 0]
    assert pareto([]) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"version": 99}), json.dumps({"version": 1})])
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(KnownError, match="is not a report"):
        read_measurement(tmp_path)
