"""`belle eval run` as a person calls it: a local model, servers, an interruption, and mistakes."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from belle.cli.eval.models import is_checkpoint
from belle.cli.main import main
from tests.support.chat_server import Response, answer, chat_server, complaint

ITEMS = [
    {"id": "a", "class": "math", "question": "1+1?", "reference": "2"},
    {"id": "b", "class": "multi-turn", "turns": ["Hi.", "And?"], "rubric": ["is polite"]},
    {"id": "c", "class": "open qa", "question": "What is red?", "reference": "a colour"},
]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f"{json.dumps(item)}\n" for item in ITEMS), encoding="utf-8")
    return path


def belle(*words: str | Path) -> int:
    return main(["eval", "run", *map(str, words)])


def echo(body: dict[str, Any]) -> Response:
    return answer("I heard " + body["messages"][-1]["content"], model=body["model"])


def test_a_local_model_answers_and_is_not_asked_again(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("starter", "--set", items, "-o", tmp_path / "out", "--max-tokens", "6", "--threads", "1", "--ctx", "512")
    assert belle(*words) == 0
    told = capsys.readouterr().out
    assert "starter: 4 of 4 answers to items.jsonl" in told
    assert re.search(r"math +1 +1 +0 +\d +\d+", told)
    file = tmp_path / "out/answers/starter.jsonl"
    before = file.read_bytes()
    assert belle(*words) == 0
    assert file.read_bytes() == before


def test_servers_answer_each_under_the_name_of_its_model(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(echo) as one, chat_server(echo) as two:
        endpoints = tmp_path / "endpoints.toml"
        tables = [(one.url, "BELLE"), (two.url, "BELLE"), (two.url, "org/other")]
        endpoints.write_text(
            "".join(f"[[endpoint]]\nurl = '{u}'\nmodel = '{m}'\n" for u, m in tables), encoding="utf-8"
        )
        assert belle("--endpoints", endpoints, "--set", items, "-o", tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert "BELLE: 4 of 4" in told and "org/other: 4 of 4" in told
    rows = (tmp_path / "out/answers/BELLE.jsonl").read_text(encoding="utf-8")
    assert "I heard And?" in rows
    assert (tmp_path / "out/answers/org-other.jsonl").exists()


def test_an_answer_that_failed_is_named_and_the_status_says_so(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any]) -> Response:
        return complaint(400, "too long") if "red" in body["messages"][-1]["content"] else echo(body)

    words = ("--set", items, "-o", tmp_path / "out", "--model", "m")
    with chat_server(script) as server:
        assert belle(*words, "--url", server.url) == 1
    told = capsys.readouterr().out
    assert "3 of 4" in told
    assert "c: " in told and "too long" in told
    with chat_server(echo) as server:
        assert belle(*words, "--url", server.url) == 0
        assert [body["messages"][-1]["content"] for body in server.bodies] == ["What is red?"]


def test_an_interrupted_run_says_where_it_stands_and_goes_on(
    items: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any]) -> Response:
        if "And?" in body["messages"][-1]["content"]:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return echo(body)

    words = ("--set", items, "-o", tmp_path / "out", "--model", "m")
    with chat_server(script) as server:
        assert belle(*words, "--url", server.url) == 130
    told = capfd.readouterr().err
    assert "Interrupted: 3 of 4 answers of m in" in told
    assert "Traceback" not in told
    with chat_server(echo) as server:
        assert belle(*words, "--url", server.url) == 0
        assert [body["messages"][-1]["content"] for body in server.bodies] == ["And?"]


def test_all_models_together_spend_no_more_than_the_limit(items: Path, tmp_path: Path) -> None:
    with chat_server(echo) as server:
        endpoints = tmp_path / "endpoints.toml"
        tables = [f"[[endpoint]]\nurl = '{server.url}'\nmodel = '{name}'\nlimit = 1\n" for name in ("one", "two")]
        endpoints.write_text("".join(tables), encoding="utf-8")
        words = ("--endpoints", endpoints, "--set", items, "-o", tmp_path / "out", "--max-total-tokens", "1")
        assert belle(*words) == 1
        assert [body["model"] for body in server.bodies] == ["one"]


def test_a_limit_ends_the_run_and_more_finishes_it(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(echo) as server:
        words = ("--set", items, "-o", tmp_path / "out", "--model", "m", "--url", server.url)
        assert belle(*words, "--max-total-tokens", "1") == 1
        assert "The limit is reached" in capsys.readouterr().err
        assert belle(*words) == 0
        assert "limit" not in capsys.readouterr().err


def test_a_server_that_answers_as_another_model_is_named_once(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(lambda body: answer("x", model="tiny")) as server:
        assert belle("--set", items, "-o", tmp_path / "out", "--model", "BELLE-13B", "--url", server.url) == 0
        assert capsys.readouterr().err.count(f"{server.url} was asked for BELLE-13B and answers as tiny.") == 1


def test_a_batch_is_asked_elsewhere_one_turn_at_a_time(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--set", items, "-o", tmp_path / "out", "--model", "m")
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    for asked, status in (({"a/1", "b/1", "c/1"}, 1), ({"b/2"}, 0)):
        assert belle(*words, "--batch-out", requests) == 0
        rows = [json.loads(line) for line in requests.read_text(encoding="utf-8").splitlines()]
        assert {row["custom_id"] for row in rows} == asked
        replies = [
            {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": echo(row["body"]).body}}
            for row in rows
        ]
        answers.write_text("".join(f"{json.dumps(reply)}\n" for reply in replies), encoding="utf-8")
        assert belle(*words, "--batch-in", answers) == status
    assert "4 of 4" in capsys.readouterr().out
    assert belle(*words, "--batch-in", answers) == 0
    assert "answers 1 requests that are not open here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no model to ask"),
        (("--url", "http://127.0.0.1:1/v1"), "--model belongs to --url"),
        (("--url", "nonsense", "--model", "m"), "is not an address"),
        (("starter", "--key", "$KEY"), "--key belongs to --url"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--key", ""), "--key is empty"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--key", "$NOT_SET"), "export NOT_SET="),
        (("no-such-model",), "no-such-model"),
        (("starter", "--shard", "4/4"), "is not a shard"),
        (("starter", "--set", "missing.jsonl"), "missing.jsonl"),
        (("one/m.gguf", "two/m.gguf"), "in the same file"),
        (("m-00001-of-00002.gguf", "./M.gguf"), "in the same file"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--max-cost", "1"), "without a price"),
    ],
)
def test_a_mistake_is_said_in_words(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert belle("--set", items, "-o", tmp_path / "out", *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_server_and_a_batch_exclude_each_other(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--url", "http://127.0.0.1:1/v1", "--model", "m", "--batch-out", tmp_path / "b.jsonl")
    with pytest.raises(SystemExit, match="2"):
        belle("--set", items, "-o", tmp_path / "out", *words)
    assert "not allowed with" in capsys.readouterr().err


def test_another_set_in_the_same_folder_is_refused(
    items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(echo) as server:
        words = ("-o", tmp_path / "out", "--model", "m", "--url", server.url)
        assert belle("--set", items, *words) == 0
        items.write_text(json.dumps(ITEMS[0]) + "\n", encoding="utf-8")
        assert belle("--set", items, *words) == 2
    assert "another run" in capsys.readouterr().err


def test_a_folder_without_a_checkpoint_hides_no_model_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "starter").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_checkpoint("starter")
    (tmp_path / "starter/config.json").write_text("{}", encoding="utf-8")
    assert is_checkpoint("starter")
