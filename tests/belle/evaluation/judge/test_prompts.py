"""What a judge is told and how its reply is read: whatever it says becomes a score or a reason why there is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.prompts import OwnPrompts, belle_score, read_belle_prompts

BELLE = Path(os.environ.get("BELLE_EVAL_SET", "none"))
PLAIN = EvaluationItem("a", "open qa", ("天为什么是蓝的？",), "因为散射。")
RUBRIC = EvaluationItem("b", "generation", ("写一首诗",), rubric=("押韵", "有四行"))


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("得分: 0.8", 0.8),
        ("得分：1\n理由：答案正确。", 1.0),
        ("理由……\n得分:0", 0.0),
        ("**得分**: 0.5", 0.5),
        ("得分: 8/10", 0.8),
        ("得分：80/100 分", 0.8),
        ("评分为 0.7 分", 0.7),
        ("Score: 0.9", 0.9),
        ("得分: 0.8。总之，得分: 0.8", 0.8),
        ("得分（0-1）：0.8", 0.8),
        ("**得分**（0 到 1 之间）: 0.4", 0.4),
        ("得分（满分 1 分）：0.6", 0.6),
        ("Score (0–1): 0.9", 0.9),
        ("得分（0.8），有 1 处错误", 0.8),
        ("<think>得分: 0.2？不，太低。</think>\n得分: 0.8", 0.8),
        ("先想想，得分: 0.2？\n</think>\n\n得分: 0.8", 0.8),
    ],
)
def test_belles_form_is_read(reply: str, score: float) -> None:
    assert belle_score(reply).score == score


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("这个回答很好。", "names no score"),
        ("", "names no score"),
        *(
            (f"得分: {score}", "not from 0 to 1")
            for score in ("85", "10", "15", "100", "1.5", "1000", "9/5", "9" * 400)
        ),
        ("得分: 0.2 …… 得分: 0.9", "several scores"),
        ("抱歉，我不能评价。", "names no score"),
        ("<think>得分: 0.2？还是", "names no score"),
    ],
)
def test_what_says_no_score_is_told(reply: str, problem: str) -> None:
    judgement = belle_score(reply)
    assert judgement.score is None
    assert problem in judgement.problem


@pytest.mark.parametrize(
    ("item", "reply", "score"),
    [
        (PLAIN, '{"reason": "对", "score": 1}', 1.0),
        (PLAIN, '好的：\n```json\n{"reason": "半对", "score": 0.5}\n```', 0.5),
        (RUBRIC, '{"reason": "押韵", "met": [true, false]}', 0.5),
        (RUBRIC, '{"reason": "", "met": [true, true]}', 1.0),
        (PLAIN, '{"reason": "对", "score": 7}', None),
        (PLAIN, '{"reason": "对", "score": true}', None),
        (PLAIN, '{"reason": "对"}', None),
        (PLAIN, "[1]", None),
        (PLAIN, 'The set {a, b} is right: {"score": 1} {}', 1.0),
        (PLAIN, '<think>{"score": 0} at first</think>\n{"score": 0.5}', 0.5),
        (PLAIN, '<think>perhaps {"score": 0.5}, but', None),
        (PLAIN, 'perhaps {"score": 0}\n</think>\n{"score": 0.5}', 0.5),
        (PLAIN, '{"score": 0.5} or {"reason": "no", "score": 0.5}', 0.5),
        (PLAIN, '{"score": 0.5}, no, {"score": 1}', None),
        (PLAIN, '{"reason": "the answer says {\\"score\\": 1}", "score": 0}', 0.0),
        (PLAIN, '{"score": 1', None),
        (PLAIN, "{" * 5000, None),
        (PLAIN, '{"a":' * 5000, None),
        (PLAIN, "很好", None),
        (RUBRIC, '{"reason": "", "met": [true]}', None),
        (RUBRIC, '{"reason": "", "met": "yes"}', None),
    ],
)
def test_our_form_is_read(item: EvaluationItem, reply: str, score: float | None) -> None:
    judgement = OwnPrompts().read(reply, item)
    assert judgement.score == score
    assert bool(judgement.problem) == (score is None)


@given(st.text())
def test_any_reply_is_a_score_or_a_reason(reply: str) -> None:
    for judgement in (belle_score(reply), OwnPrompts().read(reply, PLAIN), OwnPrompts().read(reply, RUBRIC)):
        assert (judgement.score is None) == bool(judgement.problem)
        assert judgement.score is None or 0 <= judgement.score <= 1


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["reason", "score", "met"]), x)))  # fmt: skip
def test_any_json_is_a_score_or_a_reason(value: Any) -> None:
    for item in (PLAIN, RUBRIC):
        judgement = OwnPrompts().read(json.dumps(value), item)
        assert (judgement.score is None) == bool(judgement.problem)


def test_the_prompt_has_all_that_is_judged_and_the_schema_of_the_reply() -> None:
    plain, rubric = (OwnPrompts().prompt(item, item.turns[0], "回答！") for item in (PLAIN, RUBRIC))
    for prompt, item in ((plain, PLAIN), (rubric, RUBRIC)):
        told = prompt.messages[0]["content"]
        assert all(part in told for part in (item.turns[0], item.reference, "回答！", *item.rubric))
    assert plain.schema is not None and set(plain.schema["properties"]) == {"reason", "score"}
    assert rubric.schema is not None and rubric.schema["properties"]["met"]["minItems"] == 2
    assert plain.digest != OwnPrompts().prompt(PLAIN, PLAIN.turns[0], "另一个").digest


def write(folder: Path, *rows: object) -> Path:
    path = folder / "eval_prompt.json"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_belles_prompts_are_found_whatever_the_spelling_of_the_class(tmp_path: Path) -> None:
    rows = [{"class": "open QA", "prompt": "判断。"}, {"class": "closed\u00a0QA", "prompt": "判断二。"}]
    prompts = read_belle_prompts(write(tmp_path, *rows, {"class": "generation", "prompt": "判断三。"}))
    told = prompts.prompt(PLAIN, PLAIN.turns[0], "答").messages[0]["content"]
    assert told.startswith("判断。\n问题：天为什么是蓝的？\n标准回答：因为散射。\n模型回答：答")
    assert "标准回答" not in prompts.prompt(RUBRIC, "?", "答").messages[0]["content"]
    with pytest.raises(KnownError, match="none for the class “math”"):
        prompts.prompt(EvaluationItem("x", "math", ("?",)), "?", "答")


@pytest.mark.parametrize("row", [{"class": "x"}, {"prompt": "x"}, [], {"class": 1, "prompt": "x"}])
def test_another_file_is_refused(tmp_path: Path, row: object) -> None:
    with pytest.raises(KnownError, match="line 1 has no class and prompt"):
        read_belle_prompts(write(tmp_path, row))


@pytest.mark.skipif(not BELLE.is_file(), reason="BELLE_EVAL_SET names no file")
def test_all_of_belles_items_have_a_prompt() -> None:
    prompts = read_belle_prompts(BELLE.with_name("eval_prompt.json"))
    for item in read_set(str(BELLE)).items:
        assert item.turns[0] in prompts.prompt(item, item.turns[0], "x").messages[0]["content"]


def test_a_score_that_is_no_number_is_no_second_decision() -> None:
    item = EvaluationItem("i", "math", ("?",), "2")
    assert (
        OwnPrompts().read('{"reason": "-", "score": NaN}', item).problem
        == "gives the score nan, which is not from 0 to 1"
    )
