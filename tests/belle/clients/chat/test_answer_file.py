"""Answers are kept as they come: after any death the run goes on, nothing is asked twice, nothing is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from belle.clients.chat.answer_file import AnswerFile, RowShard, read_answers
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply, ReplyChoice
from belle.clients.chat.requests import RowRequest
from belle.errors import KnownError
from tests.support.chat_server import answer, chat_server

RUN = {"set": "own", "temperature": 0}


def request(name: str) -> RowRequest:
    return RowRequest(name, ({"role": "user", "content": name},))


def reply(name: str) -> ChatReply:
    return ChatReply(name, (ReplyChoice(f"answer to {name}", "stop"),), 3, 2, model="m", endpoint="http://x")


def test_what_was_answered_is_missing_no_more(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    file = AnswerFile(path, RUN)
    file.add(request("a"), reply("a"))
    file.add(request("b"), RequestError("request_broken", "no"))
    file.close()
    again = AnswerFile(path, RUN)
    assert [one.id for one in again.missing(map(request, "abc"))] == ["b", "c"]
    again.add(request("b"), reply("b"))
    again.add(request("b"), reply("b"))
    again.close()
    assert [row["id"] for row in read_answers(path)] == ["a", "b"]


def test_a_failure_is_a_row_until_there_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    file = AnswerFile(path, RUN)
    for _ in range(2):
        file.add(request("a"), RequestError("request_broken", "no", status=500))
    file.close()
    (row,) = read_answers(path)
    assert row["failed"]["message"] == "no"


def test_an_unfinished_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    file = AnswerFile(path, RUN)
    file.add(request("a"), reply("a"))
    file.add(request("b"), reply("b"))
    file.close()
    path.write_bytes(path.read_bytes()[:-9])
    again = AnswerFile(path, RUN)
    assert again.answered == {"a"}
    again.close()


@pytest.mark.parametrize(
    "damage",
    ['{"id": "b", "choi', "notes", "[]", "", '{"x": 1}', '{"id": "b", "choices": []}', '{"id": 2, "failed": {}}',
     '{"id": "b", "choices": [{"text": null}]}', '{"id": "b", "choices": {"text": "b"}}'],
)  # fmt: skip
def test_a_damaged_row_is_asked_again_and_costs_no_other(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    file = AnswerFile(path, RUN)
    for name in "abc":
        file.add(request(name), reply(name))
    file.close()
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:2], damage, lines[3], ""]), encoding="utf-8")
    assert [row["id"] for row in read_answers(path)] == ["a", "c"]
    again = AnswerFile(path, RUN, keep_existing=True)
    assert [row["id"] for row in again.existing] == ["a", "c"]
    again.add(request("b"), reply("b"))
    again.close()
    assert [row["id"] for row in read_answers(path)] == ["a", "c", "b"]


@pytest.mark.parametrize("size", [0, 1, 9, len('{"run": {"set": "own", "temperature": 0}}')])
def test_a_run_that_was_killed_in_its_first_line_begins_again(size: int, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"run": {"set": "own", "temperature": 0}}'[:size])
    file = AnswerFile(path, RUN)
    file.add(request("a"), reply("a"))
    file.close()
    assert [row["id"] for row in read_answers(path)] == ["a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"run": {"set": "belle", "temperature": 0}}\n', "another run (set 'belle' there)"),
        ('{"id": "a", "choices": []}\n', "not a file of answers"),
        ("my notes\n", "not a file of answers"),
    ],
)
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KnownError) as caught:
        AnswerFile(path, RUN)
    assert caught.value.kind == "answers_of_another_run"
    assert said in caught.value.message
    assert path.read_text(encoding="utf-8") == text


def test_shards_are_all_the_rows_and_each_once(tmp_path: Path) -> None:
    parts = [RowShard(index, 3) for index in range(3)]
    assert sorted(row for part in parts for row in part.of(range(10))) == list(range(10))
    for n in range(8):
        assert sum(part.share(n) for part in parts) == n
    assert sorted(part.number(row) for part in parts for row in range(4)) == list(range(12))
    assert len({part.path(tmp_path / "answers.jsonl") for part in parts}) == 3
    assert RowShard.parse("2/3") == parts[2]
    assert RowShard().path(tmp_path / "answers.jsonl").name == "answers.jsonl"


@pytest.mark.parametrize("text", ["", "1", "3/3", "-1/3", "a/b", "0/0", "1/2/3", "0/9999999"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(KnownError, match="is not a shard"):
        RowShard.parse(text)


ROWS = 3000
PROGRAM = """
import asyncio, sys
from pathlib import Path
from belle.clients.chat.answer_file import AnswerFile
from belle.clients.chat.bulk import answer_all
from belle.clients.chat.client import ChatClient
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.requests import RowRequest

async def main(url, path, rows):
    file = AnswerFile(Path(path), {"set": "numbers"})
    requests = (RowRequest(str(n), ({"role": "user", "content": str(n)},)) for n in range(int(rows)))
    async with ChatClient([Endpoint(url, "m", limit=16)]) as client:
        await answer_all(client, file.missing(requests), file.add)
    file.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_run_that_is_killed_again_and_again_asks_nothing_twice_but_what_was_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    moments = random.Random(5)
    killed = 0
    with chat_server(lambda body: answer(body["messages"][0]["content"])) as server:
        while True:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, server.url, str(path), str(ROWS)])
            until = time.monotonic() + moments.uniform(0.6, 1.4)
            while process.poll() is None and (killed >= 10 or time.monotonic() < until):
                time.sleep(0.02)
            if process.poll() is not None:
                assert process.returncode == 0
                break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        asked = Counter(body["messages"][0]["content"] for body in server.bodies)
    rows = list(read_answers(path))
    assert Counter(row["id"] for row in rows) == Counter(map(str, range(ROWS)))
    assert all(row["choices"][0]["text"] == row["id"] for row in rows)
    assert killed > 0
    assert sum(asked.values()) - ROWS <= killed * 16
    assert len(path.read_text(encoding="utf-8").splitlines()) == ROWS + 1
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0]) == {"run": {"set": "numbers"}}
