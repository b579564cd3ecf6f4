"""Rules that an answer keeps or breaks."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing.exceptions import Unresolvable

from belle.clients.chat.schemas import schema_violation
from belle.evaluation.items.check_problem import CLAUSES, CheckProblem
from belle.evaluation.items.checks import CheckError, CodeCheck, length, parse_check

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("check", "kept", "broken"),
    [
        ({"type": "number", "value": 42}, ["42", "答案是 42。", "6 × 7 = 42", "一共 42 个苹果"], ["41", "no idea", ""]),
        ({"type": "number", "value": 3.14, "tolerance": 0.01}, ["3.14", "3.145"], ["3.2"]),
        ({"type": "number", "value": 1234567}, ["It is 1,234,567 people.", "答案是 1234567。"], ["1234568", "1.23457"]),
        ({"type": "number", "value": 1234567.5}, ["1234567.5 yuan"], ["1234567"]),
        ({"type": "number", "value": -0.00001}, ["x = -0.00001"], ["0.00001"]),
        ({"type": "number", "value": 10**22}, [f"There are {10**22}."], [f"There are {10**21}."]),
        (
            {"type": "choice", "choices": ["红", "黄", "蓝"], "answer": "B"},
            ["B", "（B）黄", "答案是B。", "黄"],
            ["A", "红", "A 还是 C", ""],
        ),
        (
            {"type": "exact", "any": ["正面", "positive"]},
            ["正面", "正面。", " Positive\n", "「正面」"],
            ["负面", "正面的"],
        ),
        ({"type": "contains", "all": ["北京"], "none": ["上海"]}, ["北京欢迎你"], ["上海和北京", "天津"]),
        ({"type": "contains", "any": ["cat", "dog"]}, ["A  CAT sat."], ["a bird"]),
        ({"type": "contains", "all": ["3"], "longest": 4}, ["3", "3 a", "是 3 个"], ["1, 2, 3", "是 3 个苹果"]),
        ({"type": "length", "max": 5}, ["一二三四五", "a b c d e", ""], ["一二三四五六"]),
        (
            {"type": "length", "unit": "words", "min": 2, "max": 3},
            ["two words", "三个字"],
            ["one", "it is far too long"],
        ),
        ({"type": "length", "unit": "lines", "min": 2, "max": 2}, ["a\n\nb"], ["a", "a\nb\nc"]),
        ({"type": "length", "unit": "sentences", "max": 2}, ["好。很好！", "Dr is in. Yes"], ["一。二。三。"]),
        ({"type": "pattern", "pattern": r"^\d{4}年"}, ["2023年四月"], ["去年"]),
        ({"type": "pattern", "pattern": "[A-Za-z]", "forbid": True}, ["全是中文"], ["有 English"]),
        (
            {"type": "json", "schema": SCHEMA},
            [
                '{"name": "李"}',
                'Here:\n```json\n{"name": "李"}\n```\nDone.',
                '~~~\n{"name": "李"}\n~~~',
                '1. So:\n   ```json\n   {"name": "李"}\n   ```',
                '```json\n{"name": "```"}',
            ],
            ["{}", "name: 李", '{"name": 3}', ""],
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_rule_is_kept_or_broken(check: dict[str, Any], kept: list[str], broken: list[str]) -> None:
    rule = parse_check(check)
    assert not isinstance(rule, CodeCheck)
    assert [rule.problem(text) for text in kept] == [""] * len(kept)
    assert all(rule.problem(text) for text in broken)


def test_a_pattern_that_never_ends_is_given_up() -> None:
    rule = parse_check({"type": "pattern", "pattern": r"(a+)+\d(b|c)+$"})
    assert not isinstance(rule, CodeCheck)
    started = time.process_time()  # which the limit counts in
    assert rule.problem("a" * 5000 + "!")
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    "check",
    [
        None,
        [],
        {},
        {"type": "magic"},
        {"type": "number"},
        {"type": "number", "value": "42"},
        {"type": "number", "value": True},
        {"type": "number", "value": float("inf")},
        {"type": "number", "value": 1, "tolerance": 10**400},
        {"type": "choice", "choices": ["a"], "answer": "A"},
        {"type": "choice", "choices": ["a", "b"], "answer": "C"},
        {"type": "exact", "any": []},
        {"type": "exact", "any": "text"},
        {"type": "exact", "any": ["。"]},
        {"type": "contains"},
        {"type": "contains", "all": ["a"], "longest": 0},
        {"type": "contains", "all": ["a"], "longest": "5"},
        {"type": "length"},
        {"type": "length", "min": 5, "max": 3},
        {"type": "length", "max": 2.5},
        {"type": "length", "unit": "pages", "max": 1},
        {"type": "pattern", "pattern": "("},
        {"type": "pattern", "pattern": ""},
        {"type": "json", "schema": 3},
        {"type": "json", "schema": {"type": "nothing"}},
        {"type": "json", "schema": {"$ref": "#"}},
        {"type": "json", "schema": {"$ref": "#/$defs/missing"}},
        {"type": "json", "schema": {"items": {"$ref": "http://127.0.0.1:1/schema.json"}}},
        {"type": "json", "schema": {"properties": {"a": {"$ref": "file:///etc/hostname"}}}},
        {"type": "code", "tests": "print(1)"},
        {"type": "code", "tests": "assert True", "language": "cobol"},
        {"type": "number", "value": 1, "tolerence": 2},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_followed_is_refused(check: object) -> None:
    with pytest.raises(CheckError):
        parse_check(check)


def test_a_schema_may_refer_to_its_own_parts() -> None:
    tree = {"type": "array", "items": {"$ref": "#/$defs/tree"}}
    rule = parse_check({"type": "json", "schema": {"$ref": "#/$defs/tree", "$defs": {"tree": tree}}})
    assert not isinstance(rule, CodeCheck)
    assert rule.problem("[[], [[]]]") == ""
    assert rule.problem("[[], [1]]")


def test_nothing_outside_of_a_schema_is_fetched(tmp_path: Path) -> None:
    outside = tmp_path / "schema.json"
    outside.write_text("true", encoding="utf-8")
    with pytest.raises(Unresolvable):
        schema_violation(1, {"$ref": outside.as_uri()})


def test_lengths_are_counted_as_people_count() -> None:
    text = "你好，world! It's 很好。"
    assert length(text, "words") == 6
    assert length(text, "sentences") == 2
    assert length("一 二\n三", "characters") == 3


@given(st.text())
def test_any_answer_can_be_checked(text: str) -> None:
    for check in (
        {"type": "number", "value": 1},
        {"type": "choice", "choices": ["a", "b"], "answer": "A"},
        {"type": "exact", "any": ["a"]},
        {"type": "contains", "none": ["a"]},
        {"type": "length", "unit": "sentences", "max": 3},
        {"type": "pattern", "pattern": "a"},
        {"type": "json", "schema": {}},
    ):
        rule = parse_check(check)
        assert not isinstance(rule, CodeCheck)
        assert isinstance(rule.problem(text), str)


def test_what_is_wrong_is_said_in_parts_for_other_languages() -> None:
    rules = [
        ({"type": "number", "value": 3}, "4"),
        ({"type": "number", "value": 3}, "none"),
        ({"type": "choice", "choices": ["x", "y"], "answer": "B"}, "A"),
        ({"type": "exact", "any": ["{right}"]}, "b"),
        ({"type": "contains", "all": ["雨"]}, "b"),
        ({"type": "length", "unit": "words", "max": 1}, "a b c"),
        ({"type": "pattern", "pattern": "a{2}"}, "b"),
        ({"type": "json", "schema": {"type": "object"}}, "no"),
    ]
    for rule, text in rules:
        problem = parse_check(rule).problem(text)  # type: ignore[union-attr]
        assert isinstance(problem, CheckProblem)
        assert problem == CLAUSES[problem.key].format(**problem.parts)
        assert type(copy.deepcopy(problem)) is str and copy.deepcopy(problem) == problem
