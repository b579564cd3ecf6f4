"""Where two texts differ: the marks are right in several languages, and large texts take no time."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.process.events import TokenLogprob
from desktop.compare.differences import differences
from desktop.compare.parting import first_parting


def marked(left: str, right: str) -> list[tuple[str, str]]:
    return [
        (left[one.left_start : one.left_end], right[one.right_start : one.right_end])
        for one in differences(left, right)
    ]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("The quick brown fox", "The quick red fox", [("brown", "red")]),
        ("I don't know.", "I do know.", [("don't", "do")]),
        ("Yes.", "Yes, sir.", [("", ", sir")]),
        ("我是一场春雨，在你脸上跳跃。", "我是一阵春雨，在你的脸上跳跃。", [("场", "阵"), ("", "的")]),
        ("春雨春雨", "春雨", [("春雨", "")]),
        ("Python是一种语言", "Java是一种语言", [("Python", "Java")]),
        ("안녕 세상", "안녕 친구", [("세상", "친구")]),
        ("one  two\n\nthree", "one two three", []),
        ("", "words", [("", "words")]),
        ("", "", []),
        ("n = 1 + 2", "n = 1 - 2", [("+", "-")]),
    ],
)
def test_what_differs_is_marked_by_words_and_by_chinese_characters(
    left: str, right: str, expected: list[tuple[str, str]]
) -> None:
    assert marked(left, right) == expected


words = st.lists(st.sampled_from(["a", "b", "c", "的", "我", ".", " ", "\n", "😀", "e\u0301"]), max_size=60).map(
    "".join
)


@given(words, words)
def test_what_is_not_marked_is_the_same_in_both(left: str, right: str) -> None:
    found = differences(left, right)
    rest_left, rest_right, i, j = [], [], 0, 0
    for one in found:
        assert i <= one.left_start <= one.left_end
        assert j <= one.right_start <= one.right_end
        assert (one.left_start, one.right_start) != (one.left_end, one.right_end)
        rest_left.append(left[i : one.left_start])
        rest_right.append(right[j : one.right_start])
        i, j = one.left_end, one.right_end
    rest_left.append(left[i:])
    rest_right.append(right[j:])
    assert "".join("".join(rest_left).split()) == "".join("".join(rest_right).split())
    assert (found == []) == (left.split() == right.split() or "".join(left.split()) == "".join(right.split()))


def test_few_changes_in_a_very_long_text_are_found_one_by_one() -> None:
    dice = random.Random(1)
    before = [f"w{dice.randrange(2000)}" for _ in range(20_000)]
    after = list(before)
    for at in range(50, 20_000, 500):
        after[at] = f"changed{at}"
    assert len(differences(" ".join(before), " ".join(after))) == 40


@pytest.mark.parametrize("make", [lambda dice: dice.choices("的我你他", k=30_000), lambda dice: list("ab c" * 7_500)])
def test_long_texts_that_have_little_in_common_take_no_time(make) -> None:
    dice = random.Random(1)
    left, right = "".join(make(dice)), "".join(reversed(make(dice)))
    begun = time.process_time()
    differences(left, right)
    assert time.process_time() - begun < 3


def token(number: int, text: str, logprob: float, *top: tuple[str, float]) -> TokenLogprob:
    alternatives = tuple((0, tuple(piece.encode()), value) for piece, value in top)
    return TokenLogprob(number, tuple(text.encode()), logprob, alternatives)


def test_where_two_answers_part_is_found_across_vocabularies() -> None:
    left = [token(1, "It ", -0.1), token(2, "is", -0.2), token(3, " red", -0.693147, (" red", -0.7), (" blue", -1.2))]
    right = [token(7, "It is", -0.1), token(8, " blue", -0.2, (" blue", -0.2))]
    parting = first_parting(left, right)
    assert parting is not None
    assert parting.n_same == 2
    assert parting.left is not None
    assert parting.right is not None
    assert (parting.left.text, parting.right.text) == (" red", " blue")
    assert parting.left.probability == pytest.approx(0.5, abs=1e-4)
    assert parting.left.other_probability == pytest.approx(0.301, abs=1e-3)
    assert parting.right.other_probability is None


def test_an_answer_that_is_the_beginning_of_the_other_parts_where_it_ends() -> None:
    whole = [token(1, "Yes", -0.1), token(2, ", sir", -0.2)]
    parting = first_parting(whole[:1], whole)
    assert parting is not None
    assert parting.left is None
    assert parting.right is not None
    assert parting.right.text == ", sir"
    assert first_parting(whole, whole) is None
    assert first_parting([], whole) is None
