"""Replies of every wrong kind, servers that break, and runs that are killed: said in words, and nothing lost."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from belle.synthesis.asks import StepReply
from belle.synthesis.journal import ReplyJournal
from tests.belle.synthesis.author import tasks, wants, write
from tests.support.chat_server import Response, answer, chat_server, complaint


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words_for(url: str, out: Path, *words: str) -> list[str]:
    # Our own evaluations take half a second to read.
    asked = ["data", "generate", "instructions", "--url", url, "--model", "m", "--allow-own-evaluation"]
    return [*asked, "-o", str(out), *words]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def test_a_server_that_complains_cuts_and_talks_costs_no_row(out: Path) -> None:
    mischief = itertools.chain(
        [
            lambda _: complaint(429, "slow down", retry_after="0"),
            lambda _: complaint(503),
            lambda body: Response(write(body).body, cut=20),
            lambda _: answer("好的，我来写几道题。"),
            lambda _: answer("对不起，我无法完成。"),
            lambda _: answer(""),
            lambda _: answer('{"tasks": 3}'),
        ],
        itertools.repeat(write),
    )

    def script(body: dict[str, Any]) -> Response:
        return next(mischief)(body)

    with chat_server(script) as server:
        assert main(words_for(server.url, out, "--n", "6")) == 0
    assert len(rows_of(out)) == 6


REPLIES = {
    "prose": ("好的！下面是题目：一、写诗。", "the reply has no JSON to read"),
    "refusal": ("对不起，我无法完成这个请求。", "the reply has no JSON to read"),
    "empty": ("", "the reply has no JSON to read"),
    "another language": (tasks("Write a poem about the sea and the moon."), "in another language"),
    "the request again": (tasks("请再写 8 道新题，都要不同。"), "repeats the request"),
    "pictures": (tasks("请描述这张图片里的天气和人物。"), "asks for pictures"),
    "links": (tasks("打开 https://a.example 并总结内容。"), "asks for pictures"),
    "too short": (tasks("写诗"), "too short"),
    "too long": (tasks("写" * 700), "too long"),
    "no text": (tasks("***，请写一首短诗吧"), "begins with something other"),
    "a seed": (tasks("用小学生能听懂的话，解释潮水为什么会涨落。"), "near duplicate"),
    "nothing": ('{"tasks": [{"instruction": "", "input": ""}]}', "a part is missing"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_replies_of_one_kind_end_the_run_in_words(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reply, said = REPLIES[name]
    with chat_server(lambda body: answer(reply) if wants(body) else write(body)) as server:
        assert main(words_for(server.url, out, "--n", "5", "--give-up", "4")) == 1
        assert len(server.bodies) < 20
    shown = capsys.readouterr().out
    assert said in shown and "brought nothing" in shown and "Traceback" not in shown


ANSWERS = {
    "refusals": ("作为一个AI语言模型，我无法回答。", "declines"),
    "loops": ("春天来了。" * 200, "repeats itself"),
    "nothing": ("", "an answer is empty"),
    "another language": ("I think that this is a very good question.", "in another language"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_teach_nothing_are_left_out(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reply, said = ANSWERS[name]
    with chat_server(lambda body: write(body) if wants(body) else answer(reply)) as server:
        assert main(words_for(server.url, out, "--n", "5", "--give-up", "6")) == 1
    assert said in capsys.readouterr().out and not rows_of(out)


def test_whole_tasks_of_a_reply_that_is_cut_are_taken_and_marked(out: Path) -> None:
    def script(body: dict[str, Any]) -> Response:
        if wants(body) != "tasks":
            return write(body)
        return answer(write(body).body["choices"][0]["message"]["content"][:-30])

    with chat_server(script) as server:
        assert main(words_for(server.url, out, "--n", "4")) == 0
    assert {row["parsed"] for row in rows_of(out)} == {False}


def test_answers_that_are_left_out_now_and_then_do_not_end_a_run_before_the_judge_has_its_turn(out: Path) -> None:
    numbers = itertools.count()

    def script(body: dict[str, Any]) -> Response:
        is_refused = not wants(body) and next(numbers) % 3 == 0
        return answer("作为一个AI语言模型，我无法回答。") if is_refused else write(body)

    with chat_server(script) as server:
        assert main(words_for(server.url, out, "--n", "30", "--give-up", "6", "--judge", "itself")) == 0
    assert len(rows_of(out)) == 30


def test_requests_that_a_server_refuses_end_the_run_and_are_counted(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(lambda _: complaint(400, "too long")) as server:
        assert main(words_for(server.url, out, "--n", "5", "--give-up", "3")) == 1
    assert "without a reply" in capsys.readouterr().out


def test_a_judge_whose_reply_cannot_be_read_leaves_the_row_without_a_score(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any]) -> Response:
        return answer("不错。") if wants(body) == "reason" else write(body)

    with chat_server(script) as server:
        assert main(words_for(server.url, out, "--n", "2", "--judge", "itself")) == 0
    assert [row["judge"] for row in rows_of(out)] == [None, None]
    assert "rows without a judge's score: 2" in capsys.readouterr().out


def test_a_run_with_more_rows_goes_on_where_the_other_ended(out: Path) -> None:
    with chat_server(write) as server:
        assert main(words_for(server.url, out, "--n", "4")) == 0
        first, asked = rows_of(out), len(server.bodies)
        assert main(words_for(server.url, out, "--n", "4")) == 0
        assert len(server.bodies) == asked
        assert main(words_for(server.url, out, "--n", "12")) == 0
        sent = Counter(json.dumps(body, sort_keys=True) for body in server.bodies)
        assert max(sent.values()) == 1  # nothing is paid for twice
    rows = rows_of(out)
    assert len(rows) == len({row["id"] for row in rows}) == 12 and rows[:4] == first


def test_a_killed_run_loses_no_row_doubles_none_and_pays_for_none_twice(out: Path) -> None:
    def slow(body: dict[str, Any]) -> Response:
        return Response(write(body).body, wait_s=0.03)

    with chat_server(slow) as server:
        words = words_for(server.url, out, "--n", "40", "--agree", "1")
        rows: list[dict[str, Any]] = []
        for enough in (3, 15, 25):
            process = subprocess.Popen([sys.executable, "-m", "belle", *words], stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                if out.exists() and out.read_bytes().count(b"\n") >= enough:
                    break
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            whole = [json.loads(line) for line in out.read_bytes().split(b"\n")[:-1]]
            assert whole[: len(rows)] == rows
            rows = whole
        assert main(words) == 0
        arrived = len(server.bodies)
    final = rows_of(out)
    assert final[: len(rows)] == rows and len(final) == 40
    assert len({row["id"] for row in final}) == len({row["instruction"] for row in final}) == 40
    kept = rows_of(out.with_name("rows.jsonl.replies"))[1:]
    assert len({row["id"] for row in kept}) == len(kept)
    assert arrived <= len(kept) + 3 * 16  # what was in flight at each kill


def test_two_runs_do_not_write_the_same_rows(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chat_server(lambda body: Response(write(body).body, wait_s=60)) as server:
        words = words_for(server.url, out, "--n", "40")
        with subprocess.Popen([sys.executable, "-m", "belle", *words], stderr=subprocess.DEVNULL) as process:
            while not server.bodies:
                time.sleep(0.01)
            assert main(words) == 2
            process.kill()
    assert "Another process writes" in capsys.readouterr().err


def test_an_error_while_replies_are_taken_cuts_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.replies"
    journal = ReplyJournal(path, {"seed": 1}, lambda _: None)
    for number in range(3):
        journal.add(StepReply(f"task-{number}", "propose", {}, "0", "{}"))
    journal.close()
    before = path.read_bytes()

    def fail(_: StepReply) -> None:
        raise ValueError("a mistake of the program")

    with pytest.raises(ValueError, match="a mistake"):
        ReplyJournal(path, {"seed": 1}, fail)
    assert path.read_bytes() == before


def test_half_a_line_of_a_killed_run_is_cut_and_the_rest_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.replies"
    journal = ReplyJournal(path, {"seed": 1}, lambda _: None)
    journal.add(StepReply("task-0", "propose", {}, "0", "{}"))
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"id": "task-1", "st')
    taken: list[StepReply] = []
    ReplyJournal(path, {"seed": 1}, taken.append).close()
    assert [reply.id for reply in taken] == ["task-0"]


def test_a_run_that_is_interrupted_says_where_it_is_and_goes_on(out: Path) -> None:
    with chat_server(lambda body: Response(write(body).body, wait_s=0.05)) as server:
        words = words_for(server.url, out, "--n", "60")
        process = subprocess.Popen([sys.executable, "-m", "belle", *words], stderr=subprocess.PIPE, text=True)
        while not out.exists() or not out.read_bytes():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert "Interrupted: " in said and "The same command goes on." in said and "Traceback" not in said
        assert main(words) == 0
    assert len(rows_of(out)) == 60


def test_rows_whose_replies_are_gone_are_not_taken_for_those_of_another_run(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(write) as server:
        assert main(words_for(server.url, out, "--n", "2")) == 0
        out.with_name("rows.jsonl.replies").unlink()
        before, asked = out.read_bytes(), len(server.bodies)
        assert main(words_for(server.url, out, "--n", "2", "--seed", "2")) == 2
        assert len(server.bodies) == asked
    assert "rows.jsonl.replies" in capsys.readouterr().err
    assert out.read_bytes() == before and not out.with_name("rows.jsonl.replies").exists()


def test_another_run_and_foreign_rows_are_not_overwritten(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chat_server(write) as server:
        assert main(words_for(server.url, out, "--n", "2")) == 0
        before = out.read_bytes()
        assert main(words_for(server.url, out, "--n", "2", "--seed", "2")) == 2
        assert "another run" in capsys.readouterr().err and out.read_bytes() == before
        mine = out.with_name("mine.jsonl")
        mine.write_text('{"instruction": "a", "output": "b"}\n', encoding="utf-8")
        assert main(words_for(server.url, mine, "--n", "2")) == 2
    assert "not generated" in capsys.readouterr().err
    assert mine.read_text(encoding="utf-8") == '{"instruction": "a", "output": "b"}\n'


@pytest.mark.parametrize(
    "content",
    [
        "my notes\nof a year\n",
        "my notes",
        '[\n{"a": 1}\n]\n',
        '{"id": "1", "conversations": []}',
        "\ufeff{}\n",
        "\n\n1\n",
    ],
)
def test_a_file_of_any_kind_that_was_not_generated_is_left_as_it_is(
    content: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.write_text(content, encoding="utf-8")
    with chat_server(write) as server:
        assert main(words_for(server.url, out, "--n", "2")) == 2
        assert not server.bodies
    assert "not generated" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == content


def test_a_row_of_which_only_the_beginning_was_written_is_written_again(out: Path) -> None:
    with chat_server(write) as server:
        assert main(words_for(server.url, out, "--n", "2")) == 0
        whole, asked = out.read_bytes(), len(server.bodies)
        first = whole.index(b"\n") + 1
        for kept in (whole[:5], whole[: first + 40], whole[:-1]):
            out.write_bytes(kept)
            assert main(words_for(server.url, out, "--n", "2")) == 0
            assert out.read_bytes() == whole
        assert len(server.bodies) == asked
