"""`belle eval judge --pairs` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from tests.belle.evaluation.judge.scripted import part
from tests.support.chat_server import Response, answer, chat_server, complaint

ITEMS = [
    {"id": "a", "class": "math", "question": "1+1?", "checks": [{"type": "number", "value": 2}]},
    {"id": "b", "class": "multi-turn", "turns": ["Hi.", "And?"], "rubric": ["is polite"]},
    {"id": "c", "class": "open qa", "question": "What is red?", "reference": "a colour"},
    {"id": "d", "class": "open qa", "question": "What is two?"} | {"reference": "a number"},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three models: each says more than the one before."""
    folder = tmp_path_factory.mktemp("pairs")
    items = folder / "items.jsonl"
    items.write_text("".join(f"{json.dumps(item)}\n" for item in ITEMS), encoding="utf-8")
    words = {"brief": "2", "plain": "It is 2.", "wordy": "I think that it may be 3."}
    with chat_server(lambda body: answer(words[body["model"]])) as server:
        for model in words:
            arguments = ["--set", str(items), "-o", str(folder / "out"), "--url", server.url, "--model", model]
            assert main(["eval", "run", *arguments]) == 0
    return folder / "out"


def judge(run: Path, *words: str) -> int:
    return main(["eval", "judge", str(run), "--set", str(run.parent / "items.jsonl"), "--pairs", *words])


def prefers_long(body: dict[str, Any]) -> Response:
    told = body["messages"][0]["content"]
    first, second = (len(part(told, name)) for name in ("回答一", "回答二"))
    return answer(json.dumps({"reason": "longer", "better": "1" if first > second else "2"}))


def test_all_pairs_are_judged_in_both_orders_and_recorded(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chat_server(prefers_long) as server:
        assert judge(run, "--url", server.url, "--model", "j") == 0
        asked = len(server.bodies)
        assert asked == 3 * 3 * 2  # pairs, items without rules, orders
        assert judge(run, "--url", server.url, "--model", "j", "--against", "wordy") == 0
        assert len(server.bodies) == asked  # not paid for twice
        assert server.bodies[0]["response_format"]["type"] == "json_schema"
    told = capsys.readouterr().out
    assert "brief and wordy: 4 answers to the same items; better brief 1, wordy 3, ties 0, no verdict 0" in told
    assert "swapped order: the same verdict in 3 of 3" in told
    assert sorted(path.name for path in (run / "pairs").iterdir()) == [
        "brief--plain.json",
        "brief--wordy.json",
        "plain--wordy.json",
    ]
    facts = json.loads((run / "pairs/brief--wordy.json").read_text(encoding="utf-8"))["facts"]
    assert facts["judge_name"] == "j"
    assert facts["temperature"] == 0
    assert facts["prompts"] == "own pairs"
    assert len(facts["prompts_digest"]) == 16
    assert facts["asked"]["brief"]["max_tokens"] == 1024


def test_a_judge_that_complains_cuts_talks_and_refuses_leaves_a_count(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = iter([complaint(429, "slow down", retry_after="0"), complaint(503)])

    def script(body: dict[str, Any]) -> Response:
        if (mischief := next(turns, None)) is not None:
            return mischief
        if "What is red?" in body["messages"][0]["content"]:
            return answer("抱歉，我不能比较这两个回答。")
        return complaint(400, "too long") if "What is two?" in body["messages"][0]["content"] else prefers_long(body)

    with chat_server(script) as server:
        assert judge(run, "--url", server.url, "--model", "mischief", "--against", "brief") == 1
    told = capsys.readouterr().out
    assert "no verdict 2" in told
    assert "c: the judge answers something other than JSON" in told
    assert "too long" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--against", "nobody"), "no answers of nobody"),
        (("--prompts", "items.jsonl"), "no form for two"),
        ((), "no model to ask"),
    ],
)
def test_a_mistake_is_said_in_words(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(run.parent)
    assert judge(run, *words) == 2
    assert said in capsys.readouterr().err


def test_one_model_is_no_pair(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers/brief.jsonl").write_bytes((run / "answers/brief.jsonl").read_bytes())
    words = ["eval", "judge", str(tmp_path), "--set", str(run.parent / "items.jsonl"), "--pairs", "--judge", "starter"]
    assert main(words) == 2
    assert "a pair needs two" in capsys.readouterr().err
