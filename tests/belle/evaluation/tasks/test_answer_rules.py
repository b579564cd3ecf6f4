"""Which answer a text gives, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.evaluation.tasks.answer_rules import given_answer, is_settled
from belle.evaluation.tasks.items import Item

NUMBERS = Item("n", "How many bottles?", "D", "math", "en", ("55", "35", "44", "45"))
CATS = Item("c", "Which animal?", "B", "x", "en", ("cat", "black cat", "A dog", "fish"))
ZH = Item("z", "哪个？", "C", "x", "zh", ("铅笔", "苹果", "香蕉", "葡萄"))


@pytest.mark.parametrize(
    ("item", "text", "answer"),
    [
        (NUMBERS, "45", "D"),
        (NUMBERS, " 45. ", "D"),
        (NUMBERS, "D", "D"),
        (NUMBERS, "d", "D"),
        (NUMBERS, "（Ｄ）", "D"),
        (NUMBERS, "**D.** 45", "D"),
        (NUMBERS, "D 45", "D"),
        (NUMBERS, "D、45", "D"),
        (NUMBERS, "B - 35", "B"),
        (NUMBERS, "The answer is 45.", "D"),
        (NUMBERS, "The correct answer is: (C).", "C"),
        (NUMBERS, "The answer is option C, not D", "C"),
        (NUMBERS, "D is it; A is not.\nAnswer: D", "D"),
        (NUMBERS, "I think C", "C"),
        (NUMBERS, "４５瓶", "D"),
        (NUMBERS, "A. 55\nB. 35\nC. 44\nD. 45", ""),
        (NUMBERS, "A. 55\nB. 35\nThe answer is D", "D"),
        (NUMBERS, "35 or 44", ""),
        (NUMBERS, "355", ""),
        (NUMBERS, "E", ""),
        (NUMBERS, "", ""),
        (NUMBERS, "Because", ""),
        (CATS, "A dog", "C"),
        (CATS, "A dog barks", "C"),
        (CATS, "A black cat is meant", "B"),
        (CATS, "the cat", "A"),
        (CATS, "concatenate", ""),
        (ZH, "答案是C。", "C"),
        (ZH, "正确答案：（Ｃ）香蕉", "C"),
        (ZH, "我选择B", "B"),
        (ZH, "应该是香蕉。", "C"),
        (ZH, "香蕉", "C"),
        (ZH, "葡萄和香蕉", ""),
    ],
)
def test_a_choice(item: Item, text: str, answer: str) -> None:
    assert given_answer(item, text).answer == answer
    assert given_answer(item, text).right == (answer == item.answer)


def exact(question: str, answer: str) -> Item:
    return Item("e", question, answer, "x", "en")


@pytest.mark.parametrize(
    ("item", "text", "right"),
    [
        (exact("9 × 12?", "108"), "108", True),
        (exact("9 × 12?", "108"), "9 × 12 = 108.", True),
        (exact("9 × 12?", "108"), "9 × 12 = 108 cm2", True),
        (exact("9 × 12?", "108"), "１０８", True),
        (exact("9 × 12?", "108"), "108.0", True),
        (exact("9 × 12?", "108"), "1080", False),
        (exact("9 × 12?", "108"), "The answer is 108, since 9 × 12 is that.", True),
        (exact("9 × 12?", "108"), "none", False),
        (exact("How many minutes are in 4 hours?", "240"), "There are 240 minutes in 4 hours.", True),
        (exact("How many minutes are in 4 hours?", "4"), "4", True),
        (exact("7 - 9?", "-2"), "−2", True),
        (exact("How much?", "1080"), "It is 1,080 kg", True),
        (exact("Capital of Norway?", "Oslo"), "oslo.", True),
        (exact("Capital of Norway?", "Oslo"), "\n\nThe capital is Oslo.\nIt is not Bergen.", True),
        (exact("Capital of Norway?", "Oslo"), "Bergen\nOslo", False),
        (exact("Capital of Norway?", "Oslo"), "Osloer", False),
        (exact("Capital of Norway?", "Oslo"), "", False),
        (exact("火车几点？", "12:40"), "答案：１２：４０", True),
        (exact("星期几？", "星期一"), "答案是星期一。", True),
        (exact("星期几？", "星期一"), "星期二", False),
    ],
)
def test_an_exact_answer(item: Item, text: str, right: bool) -> None:
    assert given_answer(item, text).right is right


def test_no_number_and_no_text_are_no_answer() -> None:
    assert given_answer(exact("9 × 12?", "108"), "many").answer == ""
    assert given_answer(exact("Capital?", "Oslo"), " \n ").answer == ""
    assert given_answer(exact("9 × 12?", "108"), "110").answer == "110"
    assert given_answer(exact("9 × 12?", "100"), "100").answer == "100"


def test_one_answer_of_many_is_neither_right_nor_wrong() -> None:
    free = Item("f", "How?", "So and so.", "x", "en", free=True)
    assert given_answer(free, " Thus. ") == given_answer(free, "Thus.")
    assert given_answer(free, "Thus.").right is None


def test_generation_may_stop_when_a_letter_stands() -> None:
    assert is_settled(NUMBERS, "D. 45\n\nThe")
    assert not is_settled(NUMBERS, "D. 45")
    assert not is_settled(NUMBERS, "A. 55\nB. 35")
    assert not is_settled(exact("a", "b"), "A. b\n\nThe")


@given(st.sampled_from([NUMBERS, CATS, ZH, exact("a 1?", "1"), exact("a", "b")]), st.text())
def test_any_text_gives_a_choice_or_nothing(item: Item, text: str) -> None:
    found = given_answer(item, text)
    if item.choices:
        assert found.answer == "" or found.answer in item.letters
        assert found.right == (found.answer == item.answer)
    assert found.right is not None
