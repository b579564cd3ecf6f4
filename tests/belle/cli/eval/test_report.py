"""`belle eval report` as a person calls it: after `run` and `judge`, in every form, and with mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from tests.support.chat_server import Response, answer, chat_server

ITEMS = [
    {"id": f"m{n}", "class": "math", "question": f"{n}+1?", "checks": [{"type": "number", "value": n + 1}]}
    for n in range(6)
] + [{"id": f"o{n}", "class": "open qa", "question": f"What is {n}?", "reference": f"{n}"} for n in range(6)]


def calculate(body: dict[str, Any]) -> Response:
    """The model “good” can add; “poor” cannot. The judge likes long answers."""
    told = body["messages"][0]["content"]
    if "<回答>" in told:
        said = told.partition("<回答>\n")[2].partition("\n</回答>")[0]
        return answer(json.dumps({"reason": "long" if len(said) > 3 else "short", "score": min(1, len(said) / 10)}))
    if told.endswith("+1?"):
        return answer(str(int(told[:-3]) + (1 if body["model"] == "good" else 2)))
    return answer("a number" if body["model"] == "good" else "?")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two models that were asked and judged."""
    folder = tmp_path_factory.mktemp("eval")
    items = folder / "items.jsonl"
    items.write_text("".join(f"{json.dumps(item)}\n" for item in ITEMS), encoding="utf-8")
    with chat_server(calculate) as server:
        for model in ("good", "poor"):
            words = ["--set", str(items), "-o", str(folder / "out"), "--url", server.url, "--model", model]
            assert main(["eval", "run", *words]) == 0
        words = [str(folder / "out"), "--set", str(items), "--url", server.url, "--model", "judge"]
        assert main(["eval", "judge", *words]) == 0
    return folder / "out"


def report(judged: Path, *words: str) -> int:
    return main(["eval", "report", str(judged), "--set", str(judged.parent / "items.jsonl"), *words])


def test_the_table_is_printed_and_written_in_every_form(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"report.{kind}" for kind in ("html", "md", "csv", "json")]
    assert report(judged, *(word for file in files for word in ("-o", str(file)))) == 0
    told = capsys.readouterr().out
    assert told.index("| good |") < told.index("| poor |")
    assert "| good | poor | -" in told
    assert all(file.stat().st_size > 200 for file in files)
    html = files[0].read_text(encoding="utf-8")
    assert "answers to read" in html and "a number" in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org", "")
    document = json.loads(files[3].read_text(encoding="utf-8"))
    assert document["rows"][0]["classes"]["math"]["value"] == 1.0
    assert document["rows"][1]["classes"]["math"]["value"] == 0.0


@pytest.mark.parametrize(
    ("words", "said"), [(("-o", "report.docx"), "no known kind"), (("--set", "x.jsonl"), "x.jsonl")]
)
def test_a_mistake_is_said_in_words(
    judged: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert report(judged, *words) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert not output.out


def test_a_folder_without_scores_says_what_comes_first(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "report", str(tmp_path), "--set", str(judged.parent / "items.jsonl")]) == 2
    assert "belle eval judge" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "said"), [("nowhere", "does not exist"), ("items.jsonl", "is a file, not a folder")])
@pytest.mark.parametrize("command", ["judge", "page", "report"])
def test_a_folder_that_is_none_is_named(
    judged: Path, capsys: pytest.CaptureFixture[str], command: str, name: str, said: str
) -> None:
    folder, words = str(judged.parent / name), ("--set", str(judged.parent / "items.jsonl"))
    assert main(["eval", command, folder, *words]) == 2
    assert f"{name} {said}" in capsys.readouterr().err
    if command == "report":  # also beside one with scores
        assert main(["eval", "report", str(judged), folder, *words]) == 2
        assert f"{name} {said}" in capsys.readouterr().err


def test_a_folder_without_scores_beside_another_is_not_passed_over(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (str(judged), str(tmp_path), "--set", str(judged.parent / "items.jsonl"))
    assert main(["eval", "report", *words]) == 2
    assert f"{tmp_path} has no scores" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["{}", "[]", "3", "null", '"x"', '{"version": 1}', '{"version": [2]}', "{", "", "\udcff"]
)
def test_another_file_than_a_measurement_is_said_in_words(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert report(judged, "--reference", "good", "--measure", str(file)) == 2
    told = capsys.readouterr().err
    assert "other.json is not" in told
    assert not any(leak in told for leak in ("('", "KeyError", "indices", "object is", "Traceback"))


def test_the_same_model_twice_is_refused(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "report", str(judged), str(judged), "--set", str(judged.parent / "items.jsonl")]) == 2
    assert "a model named good" in capsys.readouterr().err


def test_damaged_scores_are_named(judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores/m.json").write_text('{"format": 1, "verdicts": 3}', encoding="utf-8")
    assert main(["eval", "report", str(tmp_path), "--set", str(judged.parent / "items.jsonl")]) == 2
    assert "m.json is not a file of scores" in capsys.readouterr().err


@pytest.fixture(scope="module")
def pairs(judged: Path) -> Path:
    """The same folder, with its pairs judged, too."""

    def prefer_long(body: dict[str, Any]) -> Response:
        told = body["messages"][0]["content"]
        sizes = [len(told.partition(f"<{name}>\n")[2].partition(f"\n</{name}>")[0]) for name in ("回答一", "回答二")]
        return answer(json.dumps({"reason": "long", "better": "1" if sizes[0] > sizes[1] else "2"}))

    with chat_server(prefer_long) as server:
        words = [str(judged), "--set", str(judged.parent / "items.jsonl"), "--url", server.url, "--model", "judge"]
        assert main(["eval", "judge", *words, "--pairs"]) == 0
    return judged


def test_pairs_labels_people_and_published_figures_stand_beside(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = json.loads((pairs / "scores/good.json").read_text(encoding="utf-8"))
    anchors = tmp_path / "anchors.jsonl"
    rows = [
        {"item": v["item"], "set": scores["facts"]["set"], "model": "good", "answer": v["answer"], "score": 1}
        for v in scores["verdicts"]
    ]
    anchors.write_text(
        "".join(f"{json.dumps(row | {'by': 'Li', 'at': '2026-11-30T00:00:00Z'})}\n" for row in rows), encoding="utf-8"
    )
    labels = tmp_path / "labels.toml"
    labels.write_text('[[model]]\nname = "good"\nlabel = "FT"\ncolumns = { Data = "2M" }\n', encoding="utf-8")
    words = ("--anchors", str(anchors), "--labels", str(labels), "--published", "-o", str(tmp_path / "r.html"))
    assert report(pairs, *words) == 0
    told = capsys.readouterr().out
    assert "| Model | Data | Average Score |" in told
    assert "| FT | 2M |" in told
    assert "| FT | poor | 1.000 ±" in told  # six by rules, six by a judge that likes length
    assert "| FT | poor | 1.000 ±0.390 | 0.500 ±" in told
    assert "| Li | scores | rules | 1.000 ±" in told
    assert "not comparable" in told
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Win rates" in html and "FT(2M)" in html


def test_what_fewer_bits_changed_is_said_against_the_reference(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "r.html", tmp_path / "r.json"]
    assert report(judged, "--reference", "good", *(word for file in files for word in ("-o", str(file)))) == 0
    told = capsys.readouterr().out
    assert "What the bits changed" in told
    assert "| poor | 0.000 ±0.242 | 6 | 6 | 0 | 1.000 ±" in told
    assert "what fewer bits made worse" in files[0].read_text(encoding="utf-8")
    assert json.loads(files[1].read_text(encoding="utf-8"))["quantization"]["models"][0]["lost"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reference", "nobody"), "no scores of nobody"),
        (("--measure", "."), "--measure belongs to --reference"),
        (("--reference", "good", "--measure", "items.jsonl"), "not a report of this version"),
    ],
)
def test_a_comparison_of_bits_that_cannot_be_made_says_why(
    judged: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(judged.parent)
    assert report(judged, *words) == 2
    assert said in capsys.readouterr().err


def test_answers_that_have_changed_since_they_were_judged_are_named(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(judged, folder)
    file = folder / "answers/good.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("a number", "another number"), encoding="utf-8")
    assert main(["eval", "report", str(folder), "--set", str(judged.parent / "items.jsonl")]) == 2
    assert "has changed since it was judged" in capsys.readouterr().err


def test_models_that_were_asked_with_different_decoding_are_named_and_not_averaged(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = judged.parent / "items.jsonl"
    with chat_server(calculate) as server:
        words = ["--set", str(items), "-o", str(tmp_path), "--url", server.url, "--model", "warm"]
        assert main(["eval", "run", *words, "--temperature", "0.7"]) == 0
        words = [str(tmp_path), "--set", str(items), "--url", server.url, "--model", "judge"]
        assert main(["eval", "judge", *words]) == 0
    capsys.readouterr()
    assert main(["eval", "report", str(judged), str(tmp_path), "--set", str(items)]) == 0
    told = capsys.readouterr().out
    assert "not asked alike: temperature is good 0.0, poor 0.0, warm 0.7" in told
    assert all(f"| {name} |" in told for name in ("good", "poor", "warm"))
