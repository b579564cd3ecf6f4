"""Contamination, cleaning, splitting, mixing, tagging and checking."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.data.check import check, language_of, summary
from belle.data.clean import RULES, Limits, reason_against, tidied
from belle.data.contamination import EvaluationSet
from belle.data.mix import Source, mixed, shuffled
from belle.data.plot import write_plot
from belle.data.rows import Conversation, Preference, PretrainText, Row
from belle.data.split import held_out
from belle.data.tag import categories, category_of
from belle.data.trainable import untrainable
from belle.errors import KnownError
from belle.prompts import Message

Q, A = (lambda text: Message("user", text)), (lambda text: Message("assistant", text))


def talk(question: str, answer: str = "好的，没有问题。") -> Conversation:
    return Conversation((Q(question), A(answer)))


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


QUESTION = "小明有三十二个苹果，送给同学十五个之后，又买了二十个，他现在一共有多少个苹果？"


@pytest.fixture
def evaluation(tmp_path: Path) -> EvaluationSet:
    records = [
        {"question": QUESTION, "std_answer": "37"},
        {"question": "你是谁？"},
        {"question": "今天北京的天气怎么样？"},
    ]
    return EvaluationSet([lines(tmp_path / "eval.json", *records)])


@pytest.mark.parametrize(
    "row",
    [
        talk(QUESTION),
        talk(f"请回答下面的问题：\n{QUESTION} 请写出步骤。"),
        talk(QUESTION.replace("苹果，", "苹果 ").replace("？", "?")),
        talk("别的", f"例如：{QUESTION}"),
        PretrainText(f"练习。{QUESTION}答案：37。"),
        Preference((Q(QUESTION),), "37", "38"),
        talk("你是谁"),
    ],
)
def test_a_question_of_the_evaluation_is_found(evaluation: EvaluationSet, row: Row) -> None:
    hit = evaluation.find(row)
    assert hit is not None
    assert hit.overlap >= 0.8
    assert hit.path.endswith("eval.json") and hit.number == (2 if hit.question == "你是谁？" else 1)


@pytest.mark.parametrize(
    "text", ["小红有三十二个苹果，她很高兴。", "你是谁的老师？", "一共有多少个苹果？", "", "今天上海的交通怎么样？"]
)
def test_another_question_is_not_found(evaluation: EvaluationSet, text: str) -> None:
    assert len(evaluation) == 3
    assert evaluation.find(talk(text)) is None


BAD: dict[str, Row] = {
    "no-answer": Conversation((Q("问题"),)),
    "empty-answer": talk("问题", " \n"),
    "empty-question": talk("", "回答"),
    "refusal": talk("天气？", "作为一个AI语言模型，我无法获取实时天气。"),
    "other-model": talk("你是谁？", "我是由 OpenAI 训练的助手。"),
    "encoding": talk("问题", "这是锟斤拷"),
    "template": talk("问题", "好的。\nHuman: 下一个问题"),
    "loop": talk("问题", "我们一起努力。" * 30),
    "too-short": talk("问题", "对"),
    "too-long": talk("问题", "话" * 21_000),
}


@pytest.mark.parametrize("name", BAD)
def test_each_rule_finds_its_bad_example(name: str) -> None:
    limits = Limits(shortest=2)
    assert RULES[name].finds(BAD[name], limits)
    assert reason_against(BAD[name], RULES, limits) is not None
    assert reason_against(BAD[name], {name: RULES[name]}, limits) == name


def test_all_rules_have_a_bad_example() -> None:
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize(
    "answer",
    [
        "二分查找的代码：\n```python\ndef f(x):\n    return x\n```",
        "| 名称 | 价格 |\n| --- | --- |\n| 苹果 | 2 |\n" + "-" * 300,
        "I'm sorry to hear that you lost the game. Here are some tips.",
        "用户：你好\n机器人：你好！",
        "1. 一\n2. 二\n3. 三",
        "人工智能是计算机科学的一个分支。",
    ],
)
def test_good_answers_stay(answer: str) -> None:
    assert reason_against(talk("请回答", answer), RULES, Limits()) is None


def test_tidying_removes_invisible_characters() -> None:
    assert tidied(talk("\ufeffq\r\nr\u200b ", "\n\n答案 \n")) == talk("q\nr", "答案")
    assert tidied(PretrainText(" a ")) == PretrainText("a")
    assert tidied(Preference((Q(" q"),), "\na", "b ")) == Preference((Q("q"),), "a", "b")


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80), st.integers(0, 1000), st.floats(0.01, 0.9))
@settings(deadline=None)
def test_groups_are_never_split_and_the_size_is_right(labels: list[int], seed: int, share: float) -> None:
    first: dict[int, int] = {}
    roots = np.array([first.setdefault(label, index) for index, label in enumerate(labels)])
    out = held_out(roots, share=share, seed=seed)
    assert (out == held_out(roots, share=share, seed=seed)).all()
    for root in set(roots.tolist()):
        assert len(set(out[roots == root].tolist())) == 1
    assert out.sum() <= round(share * len(labels))


def test_exactly_so_many_rows_are_held_out() -> None:
    alone = np.arange(1000)
    assert held_out(alone, count=100).sum() == 100
    one, other = held_out(alone, count=100, seed=1), held_out(alone, count=100, seed=2)
    assert (one != other).any()


def test_the_ratio_holds_at_every_point() -> None:
    domain, general = [("d", i) for i in range(50)], [("g", i) for i in range(1000)]
    sources = [Source(lambda: domain, 1), Source(lambda: general, 5)]
    rows = list(mixed(sources, seed=3))
    counts = Counter(number for number, _ in rows)
    assert counts[0] == 50
    assert abs(counts[1] - 250) <= 5
    seen = Counter[int]()
    for number, _ in rows:
        seen[number] += 1
        assert abs(seen[1] - 5 * seen[0]) <= 6
    assert rows == list(mixed(sources, seed=3)) != list(mixed(sources, seed=4))
    assert len({row for _, row in rows}) == len(rows)


def test_a_source_that_ends_begins_again_with_repeat() -> None:
    sources = [Source(lambda: range(30), 1), Source(lambda: range(100, 110), 2)]
    assert Counter(number for number, _ in mixed(sources))[0] <= 6
    counts = Counter(number for number, _ in mixed(sources, repeat=True))
    assert counts[0] == 30 and abs(counts[1] - 60) <= 3
    # A source without rows does not loop for ever.
    assert list(mixed([Source(lambda: [1], 1), Source(list, 9)], repeat=True)) == []


def test_the_ratio_can_count_characters() -> None:
    sources = [Source(lambda: ["short"] * 100, 1), Source(lambda: ["long" * 100] * 100, 1)]
    counts = Counter(number for number, _ in mixed(sources, size=len))
    assert counts == {0: 100, 1: 2}  # 500 and 800: the last one was due after the first


@given(st.lists(st.integers(), max_size=60), st.integers(1, 20))
def test_shuffling_loses_nothing(rows: list[int], window: int) -> None:
    assert sorted(shuffled(rows, random.Random(1), window)) == sorted(rows)


@pytest.mark.parametrize(
    ("question", "category"),
    [
        ("把这句话翻译成英语：今天天气很好。", "translation"),
        ("用python写一个二分查找的函数", "code"),
        ("小明有5个苹果，吃了2个，还剩多少个？", "math"),
        ("请总结以下文章的主要内容：" + "春天来了。" * 40, "summarization"),
        ("从下面的句子中提取出所有的人名：张三和李四去了北京。", "extract"),
        ("判断下面这句话的情感是积极还是消极：我很喜欢这部电影", "classification"),
        ("把下面的句子改写得更正式：你咋不来", "rewrite"),
        ("根据以下文章回答问题：谁发明了电话？\n文章：" + "贝尔发明了电话。" * 20, "closed qa"),
        ("给我五个周末活动的建议", "brainstorming"),
        ("写一首关于春天的诗", "generation"),
        ("你现在扮演一个医生，回答病人的问题", "role playing"),
        ("世界上最高的山是哪座山？", "open qa"),
        ("……", "other"),
    ],
)
def test_one_question_of_each_kind(question: str, category: str) -> None:
    assert category_of(question) == category


def test_there_are_thirteen_kinds() -> None:
    assert len(categories()) == 13


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今天天气很好", "zh"), ("The weather is fine", "en"), ("请用 Python 写 hello world 程序吧 ok", "mixed"),
        ("これは日本語のテキストです", "ja"), ("한국어 텍스트", "ko"), ("Русский", "other"), ("123 …", "none"),
        ("", "none"),
    ],
)  # fmt: skip
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_check_reports_counts_and_findings(tmp_path: Path) -> None:
    turns = lambda *pairs: {"conversations": [{"from": r, "value": v} for r, v in pairs], "category": "Math"}  # noqa: E731
    path = lines(
        tmp_path / "data.json",
        turns(("human", "你好"), ("assistant", "您好")),
        turns(("human", "你好！"), ("assistant", "您好。")),
        turns(("human", "q"), ("assistant", " ")),
        turns(("human", " "), ("assistant", "a")),
        turns(("assistant", "a"), ("human", "b"), ("human", "c")),
        turns(("human", "unanswered")),
        turns(("human", "q"), ("asistant", "a")),
        {"conversations": 3},
    )
    report = check(path).as_dict()
    assert report["rows"] == 6
    assert report["errors"]["count"] == 2
    assert [place["line"] for place in report["errors"]["places"]] == [7, 8]
    assert "asistant" in report["errors"]["places"][0]["detail"]
    where = {name: [place["line"] for place in finding["places"]] for name, finding in report["findings"].items()}
    assert where == {
        "duplicate": [2], "empty-answer": [3], "empty-question": [4], "unasked-answer": [4, 5], "order": [5, 5],
        "no-answer": [6],
    }  # fmt: skip
    assert report["left_out"] == {
        "no answer but such where an answer follows no question": 2,
        "no answer but such where an answer is empty": 1,
        "nothing is answered": 1,
    }
    assert report["categories"] == {"math": 6}
    assert report["roles"] == {"user": 7, "assistant": 5}
    assert report["turns"] == {"1": 5, "2": 1}
    assert check(path, limit=2).rows == 2
    assert json.loads(json.dumps(report)) == report


def test_pairs_and_texts_are_checked_too(tmp_path: Path) -> None:
    same = {"prompt": "q", "chosen": "a", "rejected": " a"}
    pairs = check(lines(tmp_path / "p.jsonl", same, {**same, "chosen": ""}))
    assert [pairs.findings[name].count for name in ("same-answers", "empty-answer")] == [1, 1]
    texts = check(
        lines(tmp_path / "t.jsonl", {"text": " "}, {"text": "春眠不觉晓" * 9}, {"text": "春眠不觉晓" * 9 + "！处"}),
        near=0.7,
    )
    assert texts.findings["empty-answer"].count == 1
    assert texts.findings["near-duplicate"].places[0]["detail"].startswith("line 2 of")


def test_the_summary_of_lengths() -> None:
    assert summary(range(1, 101)) == {"min": 1, "mean": 50.5, "p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100}
    assert summary([7]) == {"min": 7, "mean": 7.0, "p50": 7.0, "p90": 7.0, "p99": 7.0, "max": 7}


def test_plots_are_written(tmp_path: Path) -> None:
    report = check(lines(tmp_path / "d.jsonl", {"text": "<a>" * 9}, {"text": "b"}, {"x": 1}))
    for ending, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".html", b"<!DOCTYPE html>")):
        write_plot(report, tmp_path / f"p{ending}", "<title>")
        assert (tmp_path / f"p{ending}").read_bytes().startswith(start)
    page = (tmp_path / "p.html").read_text()
    assert "&lt;title&gt;" in page and "not a row" in page and "<svg" in page
    with pytest.raises(KnownError):
        write_plot(report, tmp_path / "p.docx", "x")


def test_a_conversation_whose_answers_all_have_weight_0_is_left_out() -> None:
    question, answer = Message("user", "q"), Message("assistant", "r")
    unlearned = replace(answer, trained=False)
    assert untrainable(Conversation((question, unlearned))) == "every answer has weight 0"
    assert untrainable(Conversation((question, unlearned, question, answer))) == ""
    empty = Message("assistant", " ")
    assert "an answer is empty" in untrainable(Conversation((question, unlearned, question, empty)))
