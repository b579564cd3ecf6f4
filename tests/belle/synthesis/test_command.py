"""`belle data generate` as a person calls it: every kind, rows that other commands take, budgets, and mistakes."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from belle.data.read import read_rows
from belle.data.rows import Conversation
from belle.data.trainable import untrainable
from tests.belle.synthesis.author import han, tasks, wants, write
from tests.support.chat_server import Response, answer, chat_server, complaint

PASSAGE = "青石桥建于一八七四年，由三百名石匠用六年时间凿成，桥长九十六米，共有七孔。" * 2


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def generate(url: str, out: Path, kind: str = "instructions", *words: str, own_evaluation: bool = False) -> int:
    # Our own evaluations take half a second to read.
    free = () if own_evaluation else ("--allow-own-evaluation",)
    return main(["data", "generate", kind, "--url", url, "--model", "m", "-o", str(out), *free, *words])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    path = tmp_path / "passages.jsonl"
    path.write_text("".join(json.dumps({"text": f"{PASSAGE}{han(i, 20)}"}) + "\n" for i in range(3)), encoding="utf-8")
    return path


def test_tasks_are_written_answered_compared_and_judged(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.toml"
    labels.write_text('[scene]\nvalues = ["厨房", "车站"]\n', encoding="utf-8")
    with chat_server(write) as server:
        words = ("--n", "7", "--agree", "2", "--judge", "itself", "--labels", str(labels))
        assert generate(server.url, out, "instructions", *words) == 0
        proposals = [body for body in server.bodies if wants(body) == "tasks"]
        assert all("scene：" in body["messages"][0]["content"] for body in proposals)
    rows = rows_of(out)
    assert len(rows) == len({row["id"] for row in rows}) == 7
    for row in rows:
        assert row["output"] and row["parsed"] is True and row["judge"] == 0.8
        assert row["agreement"] == 1.0  # this author answers a question always alike
        assert row["answer_characters"] == len(row["output"]) and row["labels"]["scene"] in ("厨房", "车站")
        assert {"model", "prompt", "request", "seed", "at", "examples"} <= set(row["provenance"])
        assert len(row["provenance"]["examples"]) == 4
    shown = capsys.readouterr().out
    assert f"{out}: 7 of 7 rows (instructions)" in shown and "judgements " in shown


def test_what_is_written_is_data_that_training_and_the_other_commands_take(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(write) as server:
        assert generate(server.url, out, "instructions", "--n", "5") == 0
    rows = list(read_rows(out, "conversation"))
    assert len(rows) == 5
    assert all(isinstance(row, Conversation) and not untrainable(row) and row.category for row in rows)
    capsys.readouterr()
    assert main(["data", "check", str(out), "--near", "0.8"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_dialogues_alternate_and_can_keep_to_passages(out: Path, passages: Path) -> None:
    with chat_server(write) as server:
        assert generate(server.url, out, "dialogues", "--n", "4") == 0
        about = out.with_name("about.jsonl")
        words = ("--passages", str(passages), "--supported", "0")
        assert generate(server.url, about, "dialogues", *words) == 0
        assert "<资料>" in server.bodies[-1]["messages"][0]["content"]
    for row in rows_of(out):
        assert [turn["from"] for turn in row["conversations"]] == ["human", "assistant"] * 2
    assert len(rows_of(about)) == 3 and all("passage" in row["provenance"] for row in rows_of(about))
    assert len(list(read_rows(out, "conversation"))) == 4


def test_every_passage_is_asked_about_and_answers_are_held_against_it(out: Path, passages: Path) -> None:
    with chat_server(write) as server:
        assert generate(server.url, out, "qa", "--passages", str(passages), "--agree", "1") == 0
    rows = rows_of(out)
    assert len(rows) == 3 and {row["supported"] for row in rows} == {1.0}
    assert all(0 <= row["agreement"] <= 1 for row in rows)


def test_a_passage_whose_reply_cannot_be_read_has_a_second_turn_and_no_third(out: Path, passages: Path) -> None:
    with chat_server(lambda _: answer("好的，马上写。")) as server:
        assert generate(server.url, out, "qa", "--passages", str(passages)) == 1
        assert len(server.bodies) == 6
        assert generate(server.url, out, "qa", "--passages", str(passages)) == 1
        assert len(server.bodies) == 6


def test_a_passage_without_a_reply_is_said_and_asked_about_by_the_next_run(
    out: Path, passages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = itertools.chain([True], itertools.repeat(False))
    with chat_server(lambda body: complaint(400, "busy") if next(refused) else write(body)) as server:
        assert generate(server.url, out, "qa", "--passages", str(passages)) == 1
        assert "1 proposals have no reply" in capsys.readouterr().out and len(rows_of(out)) == 2
        assert generate(server.url, out, "qa", "--passages", str(passages)) == 0
        assert len(server.bodies) == 4
    assert len(rows_of(out)) == 3


def test_the_right_option_of_a_choice_is_not_always_the_first(out: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": f"{PASSAGE}{han(i)}"}) + "\n" for i in range(12)), encoding="utf-8")
    counter = itertools.count()

    def script(body: dict[str, Any]) -> Response:
        del body
        options = ["A. 六年", "B. 七年", "C. 八年", "D. 九年"]
        single = {"form": "single", "options": options, "answer": "A", "reason": "用六年时间凿成"}
        true_false = {"form": "true-false", "options": ["对", "错"], "answer": "A", "reason": "共有七孔"}
        wrong = [single | {"answer": named} for named in ("E", "AB", "")]
        entries = [entry | {"question": han(next(counter))} for entry in (single, true_false, *wrong)]
        return answer(json.dumps({"questions": entries}, ensure_ascii=False))

    with chat_server(script) as server:
        assert generate(server.url, out, "choices", "--passages", str(texts)) == 0
    rows = rows_of(out)
    singles = [row for row in rows if row["instruction"].count("\n") == 4]
    assert len(singles) == 12 and len(rows) == 24
    letters = Counter(row["output"].splitlines()[0].removeprefix("答案：") for row in singles)
    assert len(letters) > 1
    for row in singles:
        assert f"\n{row['output'][3]}. 六年" in row["instruction"]


@pytest.mark.parametrize(
    "reason", ["选项A说用六年时间凿成", "用六年时间凿成，所以 A 项对", "用六年时间凿成，而 B 不对"]
)
def test_options_that_the_reason_names_by_their_letters_keep_their_order(
    out: Path, passages: Path, reason: str
) -> None:
    single = {"form": "single", "options": ["六年", "七年", "八年", "九年"], "answer": "A", "reason": reason}
    counter = itertools.count()

    def script(_: dict[str, Any]) -> Response:
        entries = [single | {"question": han(next(counter))} for _ in range(6)]
        return answer(json.dumps({"questions": entries}, ensure_ascii=False))

    with chat_server(script) as server:
        assert generate(server.url, out, "choices", "--passages", str(passages), "--supported", "0") == 0
    assert {row["output"].splitlines()[0] for row in rows_of(out)} == {"答案：A"} and len(rows_of(out)) == 18


def test_rewritings_name_their_parents(out: Path) -> None:
    with chat_server(write) as server:
        assert generate(server.url, out, "instructions", "--n", "120", "--evolve", "0.6") == 0
    rows = rows_of(out)
    evolved = [row for row in rows if "parent" in row["provenance"]]
    assert evolved and {row["provenance"]["parent"] for row in evolved} <= {row["id"] for row in rows}
    assert all(row["provenance"]["operation"] for row in evolved)


def test_a_task_without_its_material_gets_it_together_with_the_answer(out: Path) -> None:
    names = map(han, itertools.count())

    def script(body: dict[str, Any]) -> Response:
        return answer(tasks(f"请概括下面这段文字的{next(names)}")) if wants(body) == "tasks" else write(body)

    with chat_server(script) as server:
        assert generate(server.url, out, "instructions", "--n", "2") == 0
    assert all(row["input"] and row["output"] for row in rows_of(out))


def test_questions_of_evaluations_do_not_become_rows(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = tmp_path / "eval_set.json"
    question = "请解释一下为什么高原上煮鸡蛋需要更长的时间，并给出两条建议。"
    record = {"question": question, "class": "open qa", "std_answer": "气压低。"}
    evaluation.write_text(json.dumps(record) + "\n", encoding="utf-8")
    own = "小店上午卖出 18 瓶水，下午卖出 27 瓶，一共卖出多少瓶？"
    replies = itertools.chain([tasks(own, question)], itertools.repeat(""))

    def script(body: dict[str, Any]) -> Response:
        reply = next(replies) if wants(body) == "tasks" else ""
        return answer(reply) if reply else write(body)

    with chat_server(script) as server:
        words = ("--n", "3", "--against", str(evaluation))
        assert generate(server.url, out, "instructions", *words, own_evaluation=True) == 0
    assert "      2  it holds a question of an evaluation" in capsys.readouterr().out
    assert not {own, question} & {row["instruction"] for row in rows_of(out)}


def test_a_budget_ends_the_run_and_counts_over_interruptions(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("instructions", "--n", "1000", "--max-total-tokens")
    with chat_server(write) as server:  # 7 tokens a reply
        assert generate(server.url, out, *words, "420") == 1
        assert "The limit is reached" in capsys.readouterr().out
        assert len(server.bodies) == 60
        assert generate(server.url, out, *words, "420") == 1
        assert len(server.bodies) == 60
        assert generate(server.url, out, *words, "560") == 1
        assert len(server.bodies) == 80


def test_money_is_counted_by_the_prices_of_the_endpoints(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(write) as server:
        endpoints = tmp_path / "servers.toml"
        table = f'[[endpoint]]\nurl = "{server.url}"\nmodel = "m"\nprice = {{ prompt = 100000, completion = 250000 }}\n'
        endpoints.write_text(table, encoding="utf-8")
        words = ["--endpoints", str(endpoints), "-o", str(out), "--n", "1000", "--max-cost", "60", "--json"]
        assert main(["data", "generate", "instructions", *words]) == 1
        assert 60 <= len(server.bodies) <= 61  # one a reply: 5 × 0.1 + 2 × 0.25
    shown = json.loads(capsys.readouterr().out)
    assert shown["ending"] == "spent" and shown["cost"] == pytest.approx(len(server.bodies))


def test_a_judge_may_be_another_model_of_the_endpoints(out: Path, tmp_path: Path) -> None:
    with chat_server(write) as server:
        table = '[[endpoint]]\nurl = "{}"\nmodel = "{}"\n'
        endpoints = tmp_path / "servers.toml"
        endpoints.write_text("".join(table.format(server.url, name) for name in ("m", "big")), encoding="utf-8")
        words = ["--endpoints", str(endpoints), "--judge", "big", "-o", str(out), "--n", "3"]
        assert main(["data", "generate", "instructions", *words]) == 0
        asked = Counter((body["model"], wants(body) == "reason") for body in server.bodies)
    assert set(asked) == {("m", False), ("big", True)} and asked["big", True] == 3


def test_the_starter_writes_what_it_can_and_the_run_ends(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Few tokens: the model reads and writes on one processor.
    words = ["--language", "en", "--n", "1", "--give-up", "1", "--parallel", "1", "--per-request", "1"]
    words += ["--examples", "1", "--max-tokens", "40", "--allow-own-evaluation"]
    status = main(["data", "generate", "instructions", "--writer", "starter", "-o", str(out), *words])
    shown = capsys.readouterr().out
    assert status in (0, 1) and "tokens: " in shown
    assert (status == 0) == (len(rows_of(out)) == 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("qa",), "about passages, and there are none"),
        (("instructions", "--passages", "x.txt"), "--passages belongs to"),
        (("instructions", "--seeds", "missing.json"), "missing.json"),
        (("instructions", "--labels", "missing.toml"), "missing.toml"),
        (("choices", "--passages", "missing.txt"), "missing.txt"),
    ],
)
def test_a_mistake_is_said_in_words(
    out: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate("http://127.0.0.1:1/v1", out, *words) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_run_without_a_writer_or_with_two_is_refused(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "generate", "instructions", "-o", str(out)]
    assert main(words) == 2
    assert "no model to ask" in capsys.readouterr().err
    assert main([*words, "--url", "http://127.0.0.1:1/v1", "--model", "m", "--judge", "m"]) == 2
    assert "one model that writes" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["instructions", "dialogues"])
def test_the_shards_of_a_run_make_its_rows_between_them(out: Path, kind: str) -> None:
    with chat_server(write) as server:
        for index in range(3):
            assert generate(server.url, out, kind, "--n", "10", "--shard", f"{index}/3") == 0
        again = len(server.bodies)
        assert generate(server.url, out, kind, "--n", "10", "--shard", "1/3") == 0
        assert len(server.bodies) == again
    rows = [rows_of(out.with_name(f"rows-{index:05d}-of-00003.jsonl")) for index in range(3)]
    assert [len(part) for part in rows] == [3, 3, 4]
    ids = [row["id"] for part in rows for row in part]
    assert len(set(ids)) == 10
    questions = {json.dumps(row.get("instruction", row.get("conversations"))) for part in rows for row in part}
    assert len(questions) == 10
    assert not out.exists()


def test_each_passage_is_asked_about_by_one_shard(out: Path, passages: Path) -> None:
    with chat_server(write) as server:
        for kind in ("qa", "dialogues"):
            for index in range(2):
                words = ("--passages", str(passages), "--supported", "0", "--shard", f"{index}/2")
                assert generate(server.url, out.with_name(f"{kind}.jsonl"), kind, *words) == 0
        assert len(server.bodies) == 6
    for kind in ("qa", "dialogues"):
        parts = [rows_of(out.with_name(f"{kind}-{index:05d}-of-00002.jsonl")) for index in range(2)]
        assert [len(part) for part in parts] == [2, 1]
        assert len({row["provenance"]["passage"] for part in parts for row in part}) == 3


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("instructions", ("--n", "3", "--shard", "0/4"), "too few for 4 shards"),
        ("qa", ("--passages", "PASSAGES", "--shard", "0/4"), "3 passages, too few"),
        ("instructions", ("--shard", "4/4"), "is not a shard"),
        ("dialogues", ("--evolve",), "--evolve belongs to instructions"),
        ("qa", ("--passages", "PASSAGES", "--evolve", "0.1"), "--evolve belongs to instructions"),
        ("dialogues", ("--passages", "PASSAGES", "--seeds", "PASSAGES"), "exclude each other"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    out: Path, passages: Path, capsys: pytest.CaptureFixture[str], kind: str, words: tuple[str, ...], said: str
) -> None:
    with chat_server(write) as server:
        assert generate(server.url, out, kind, *(word.replace("PASSAGES", str(passages)) for word in words)) == 2
        assert not server.bodies
    assert said in capsys.readouterr().err
    assert not list(out.parent.glob("rows*"))


def test_a_limit_smaller_than_one_request_is_not_passed_by_more_than_one(out: Path) -> None:
    with chat_server(write) as server:
        assert generate(server.url, out, "instructions", "--n", "1000", "--max-total-tokens", "5") == 1
        assert len(server.bodies) == 1
        # With what one costs known, the next run asks as many as the limit allows.
        assert generate(server.url, out, "instructions", "--n", "1000", "--max-total-tokens", "70") == 1
        assert len(server.bodies) == 10
