"""`belle eval judge` as a person calls it: a scripted judge on a server that misbehaves, a local one, and mistakes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from tests.support.chat_server import Response, answer, chat_server, complaint

ITEMS = [
    {"id": "a", "class": "math", "question": "1+1?", "checks": [{"type": "number", "value": 2}]},
    {"id": "b", "class": "multi-turn", "turns": ["Hi.", "And?"], "rubric": ["is polite", "is short"]},
    {"id": "c", "class": "open qa", "question": "What is red?", "reference": "a colour"},
    {"id": "d", "class": "open qa", "question": "What is two?", "reference": "a number"},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run, whose model repeats the question."""
    items = tmp_path / "items.jsonl"
    items.write_text("".join(f"{json.dumps(item)}\n" for item in ITEMS), encoding="utf-8")
    with chat_server(lambda body: answer(body["messages"][-1]["content"])) as server:
        words = ["--set", str(items), "-o", str(tmp_path / "out"), "--url", server.url, "--model", "parrot"]
        assert main(["eval", "run", *words]) == 0
    return tmp_path / "out"


def judge(run: Path, *words: str) -> int:
    return main(["eval", "judge", str(run), "--set", str(run.parent / "items.jsonl"), *words])


def fair(body: dict[str, Any]) -> Response:
    """Knows the references: right answers get 1, others 0.25."""
    told = body["messages"][0]["content"]
    if "逐条判断" in told:
        return answer('{"reason": "polite", "met": [true, false]}')
    said = told.partition("<回答>\n")[2].partition("\n</回答>")[0]
    score = 1 if said and f"<参考答案>\n{said}\n" in told else 0.25 if said else 0
    return answer(json.dumps({"reason": "<b>so</b>", "score": score}))


def test_rules_and_a_judge_score_the_answers_and_the_judge_is_checked(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(fair) as server:
        assert judge(run, "--url", server.url, "--model", "j") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["math", "1", "1", "0", "0", "0", "0.000"] in lines
    assert ["open", "qa", "2", "0", "2", "0", "0", "0.250"] in lines
    assert ["multi-turn", "1", "0", "1", "0", "0", "0.500"] in lines
    told = [" ".join(line) for line in lines]
    assert "self-check, reference: mean 1.000 over 2" in told
    assert "self-check, shuffled reference: mean 0.250 over 2" in told
    assert "self-check, empty answer: mean 0.000 over 2" in told
    scores = json.loads((run / "scores/parrot.json").read_text(encoding="utf-8"))
    found = {verdict["item"]: verdict["score"] for verdict in scores["verdicts"]}
    assert found == {"a": 0, "b": 0.5, "c": 0.25, "d": 0.25}
    assert scores["facts"]["judge_name"] == "j"


def test_a_judge_that_complains_cuts_and_talks_is_asked_until_it_answers(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mischief = itertools.chain(
        [
            lambda _: complaint(429, "slow down", retry_after="0"),
            lambda _: complaint(503),
            lambda body: Response(fair(body).body, cut=15),
            lambda _: answer("I think it is quite good."),
            lambda _: answer('{"reason": "x", "score": 12}'),
        ],
        itertools.repeat(fair),
    )

    def script(body: dict[str, Any]) -> Response:
        return next(mischief)(body)

    with chat_server(script) as server:
        assert judge(run, "--url", server.url, "--model", "j", "--self-checks", "0") == 0
    assert "0.250" in capsys.readouterr().out


def test_replies_that_cannot_be_read_are_a_column_and_the_status(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chat_server(lambda _: answer("No comment.")) as server:
        assert judge(run, "--url", server.url, "--model", "j", "--self-checks", "0") == 1
        asked = len(server.bodies)
        assert judge(run, "--url", server.url, "--model", "j", "--self-checks", "0") == 1
        assert len(server.bodies) == asked  # recorded, and not paid for again
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["open", "qa", "2", "0", "0", "0", "2", "–"] in lines


def test_a_local_judge_is_read_every_time(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--judge", "starter", "--threads", "1", "--self-checks", "0")
    assert judge(run, *words) == 0
    first = capsys.readouterr().out
    assert judge(run, *words) == 0
    assert capsys.readouterr().out == first


def test_belles_prompts_are_used_where_they_are_given(run: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "eval_prompt.json"
    rows = [{"class": name, "prompt": "请按照得分:输出。"} for name in ("open QA", "multi-turn")]
    prompts.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    with chat_server(lambda _: answer("得分: 0.5\n理由：一半。")) as server:
        words = ("--url", server.url, "--model", "j", "--prompts", str(prompts))
        assert judge(run, *words) == 0
        assert all(body["messages"][0]["content"].startswith("请按照得分") for body in server.bodies)
    scores = json.loads((run / "scores/parrot.json").read_text(encoding="utf-8"))
    assert scores["facts"]["prompts"] == "belle"


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "no model to ask"), (("--judge", "no-such-model"), "no-such-model"), (("--url", "x"), "--model belongs")],
)
def test_a_mistake_is_said_in_words(
    run: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert judge(run, *words) == 2
    assert said in capsys.readouterr().err


def test_answers_to_another_set_are_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.parent / "items.jsonl").write_text(json.dumps(ITEMS[0]) + "\n", encoding="utf-8")
    assert judge(run, "--judge", "starter") == 2
    assert "another set" in capsys.readouterr().err


def test_a_folder_without_answers_says_what_comes_first(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    words = ["eval", "judge", str(tmp_path / "empty"), "--set", str(run.parent / "items.jsonl"), "--judge", "starter"]
    assert main(words) == 2
    assert "belle eval run" in capsys.readouterr().err
