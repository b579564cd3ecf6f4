"""`belle measure --tasks` from its command line on tiny models, and what its report says in every form."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from belle.cli.main import main
from belle.evaluation.measurement import Measurement, read_measurement
from belle.evaluation.report import write_report
from belle.evaluation.report.difference import difference
from belle.evaluation.report.markdown import markdown
from belle.evaluation.report.page import page
from belle.evaluation.report.tasks import tasks_of
from belle.evaluation.tasks.sequence_scorer import SequenceScorer
from tests.belle.evaluation.tiny_models import TEXT, change, pair

Captured = pytest.CaptureFixture[str]
ROWS = [
    {"id": f"q{i}", "question": f"Yes, a {i}? <b>|", "choices": ["hello", "wor", "好", "b"], "answer": "ABCD"[i % 4]}
    for i in range(8)
] + [{"id": "e", "question": "你好？", "answer": "hello", "category": "open|qa"}]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Measurement:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    assert run(*pair(folder, noise=3), "--tasks", folder / "items.jsonl", "-o", folder) == 0
    return read_measurement(folder)


def run(*arguments: str | Path) -> int:
    return main(["measure", *map(str, arguments), *(() if "diff" in arguments else ("--threads", "1"))])


def test_questions_alone(tmp_path: Path, items: Path, capsys: Captured) -> None:
    reference, candidate = pair(tmp_path)
    out = tmp_path / "out"
    assert run(reference, candidate, reference, "--tasks", items, "-o", out) == 0
    shown = capsys.readouterr().out
    assert re.search(r"by letter +lost +won +by text", shown)
    assert "not complete" not in shown
    found = read_measurement(out)
    assert found.text is None
    assert found.complete
    assert found.reference.size == reference.stat().st_size
    tasks = tasks_of(found)
    assert [model.n_done for model in (tasks.reference, *tasks.candidates)] == [9, 9, 9]
    assert tasks.candidates[1].changes == []
    for name in ("report.html", "report.md"):
        words = (out / name).read_text(encoding="utf-8")
        assert tasks.sha256 in words
        assert found.reference.files["reference.gguf"] in words
        assert "PPL" not in words
    assert run("diff", out, out) == 0
    assert "+0.0 points" in capsys.readouterr().out


def test_text_and_questions_in_one_report(tmp_path: Path, items: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    out = tmp_path / "out"
    options = ("--text", text, "--ctx", "64", "--chunks", "3", "--tasks", items, "--limit", "3", "-o", out)
    assert run(*pair(tmp_path), *options) == 0
    found = read_measurement(out)
    assert found.candidates[0].loss is not None
    assert tasks_of(found).reference.n_done == 3
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "Mean KL" in html
    assert "Questions: answers by letter" in html


def test_ctrl_c_leaves_a_report_and_resume_goes_on(
    tmp_path: Path, items: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, calls = SequenceScorer.generate, []

    def interrupted(self, *arguments):
        calls.append(self.name)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return generate(self, *arguments)

    monkeypatch.setattr(SequenceScorer, "generate", interrupted)
    models, out = pair(tmp_path), tmp_path / "out"
    assert run(*models, "--tasks", items, "-o", out) == 130
    assert "not complete" in capsys.readouterr().out
    assert tasks_of(read_measurement(out)).candidates[0].n_done == 2
    assert "candidate.gguf was asked 2 of 9 questions" in (out / "report.html").read_text(encoding="utf-8")
    assert run(*models, "--tasks", items, "-o", out, "--resume") == 0
    assert len(calls) == 12 + 7
    assert read_measurement(out).complete


def test_a_broken_candidate_is_named_and_the_other_is_asked(tmp_path: Path, items: Path, capsys: Captured) -> None:
    reference, candidate = pair(tmp_path)
    change(candidate, "output.weight", lambda w: w * np.nan)
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    for options in ((), ("--text", text, "--ctx", "64", "--chunks", "2")):
        assert run(reference, candidate, reference, *options, "--tasks", items, "-o", tmp_path / "out") == 2
        assert capsys.readouterr().err.count("candidate.gguf was given up. It predicts NaN") == 1
        found = read_measurement(tmp_path / "out")
        assert [model.n_done for model in tasks_of(found).candidates] == [0, 9]
        assert page(found).count("candidate.gguf was given up") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tasks-format", "chat"), "contains no prompt template"),
        (("--tasks-format", "chatmll"), "Did you mean chatml?"),
        (("--shots", "1"), "has 0 examples of “all”"),
        (("--shots", "-1"), "must be 0 or more"),
    ],
)
def test_mistakes_are_said_before_the_text_is_read(
    tmp_path: Path, items: Path, capsys: Captured, options: tuple[str, ...], said: str
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    assert run(*pair(tmp_path), "--text", text, "--tasks", items, *options, "-o", tmp_path / "out") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_form_says_the_same(result: Measurement, tmp_path: Path) -> None:
    write_report(tmp_path, result)
    assert read_measurement(tmp_path) == result
    tasks = tasks_of(result)
    paired = tasks.candidates[0].paired["letter"]
    assert paired.lost + paired.won > 0
    reference, candidate = csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text(encoding="utf-8")))
    assert int(candidate["tasks_letter_lost"]) == paired.lost
    assert float(candidate["tasks_letter_p"]) == paired.p
    assert float(reference["tasks_generation_accuracy"]) == tasks.reference.accuracy["generation"].value
    assert reference["tasks_letter_lost"] == ""
    accuracy = f"{100 * tasks.candidates[0].accuracy['letter'].value:.1f} %"
    for words in (page(result), markdown(result)):
        assert accuracy in words
        assert "(8 with choices, 1 with an exact answer)" in re.sub(r"\\", "", words)


def test_questions_cannot_break_the_page_or_the_table(result: Measurement) -> None:
    html = page(result)
    assert "? <b>" not in html
    assert "? &lt;b&gt;|" in html
    HTMLParser().feed(html)
    for block in markdown(result).split("\n\n"):
        if block.startswith("| "):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_a_long_list_of_flips_is_cut(result: Measurement) -> None:
    data = result.extra["tasks"]
    flip = next(change for change in data["candidates"][0]["changes"] if change["kind"] == "lost")
    many = {**data, "candidates": [{**data["candidates"][0], "changes": [flip] * 1000}]}
    words = page(replace(result, extra={"tasks": many}))
    assert "The first 200 are shown" in words
    assert words.count("lost, ") == 200


def test_difference_names_what_changed(result: Measurement) -> None:
    data = json.loads(json.dumps(result.extra["tasks"]))
    data["candidates"][0]["accuracy"]["letter"]["value"] += 0.5
    after = replace(result, extra={"tasks": data})
    words = difference(result, after)
    assert re.search(r"by letter .* \+50\.0 points", words)
    assert "cannot be compared" not in words
    data["sha256"] = "1" * 64
    assert "different questions" in difference(result, after)
    assert "questions" not in difference(result, replace(result, extra={}))
