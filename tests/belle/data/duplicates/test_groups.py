"""Near duplicates are found, and no other texts are."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.data.duplicates.groups import SimilarTexts, _Roots
from belle.data.duplicates.minhash import bands_for
from belle.data.duplicates.shingles import compared, digest, features, normalised

HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]


def random_text(rng: random.Random, length: int = 120) -> str:
    return "".join(rng.choice(HAN) for _ in range(length))


def changed(text: str, rng: random.Random, count: int) -> str:
    letters = list(text)
    for index in rng.sample(range(len(letters)), count):
        letters[index] = rng.choice(HAN)
    return "".join(letters)


def jaccard(one: str, other: str) -> float:
    a, b = (set(features(normalised(text)).tolist()) for text in (one, other))
    return len(a & b) / len(a | b)


def groups(texts: list[str], threshold: float = 0.7) -> list[int]:
    similar = SimilarTexts(threshold)
    for text in texts:
        similar.add(text)
    result: list[int] = similar.groups().tolist()
    return result


def test_case_width_spaces_and_punctuation_are_ignored() -> None:
    assert normalised("你好，World！ １２３") == "你好world123"
    assert compared("你好。") == compared(" 你好！") != compared("您好")
    # Texts without letters and digits are compared as they are.
    assert digest(compared("…")) != digest(compared("?!"))
    assert len(features("")) == 0
    assert len(features("你好")) == 1
    assert len(features("abcdabcd")) == 4


def test_near_duplicates_are_found_and_others_are_not() -> None:
    rng = random.Random(1)
    texts = [random_text(rng) for _ in range(300)]
    copies = [changed(text, rng, 2) for text in texts[:100]]
    assert min(jaccard(a, b) for a, b in zip(texts, copies, strict=False)) > 0.85
    assert groups([*texts, *copies]) == [*range(300), *range(100)]


def test_the_threshold_decides() -> None:
    rng = random.Random(2)
    texts = [random_text(rng) for _ in range(200)]
    far = [changed(text, rng, 12) for text in texts]
    similarities = [jaccard(a, b) for a, b in zip(texts, far, strict=True)]
    assert 0.3 < np.mean(similarities) < 0.6
    assert groups([*texts, *far], 0.9) == list(range(400))
    found = np.array(groups([*texts, *far], 0.25))[200:]
    assert (found == np.arange(200)).mean() > 0.95


def test_equal_texts_are_found_at_any_threshold() -> None:
    texts = ["一样的话", "别的话", "一样的话！", "", " ", "…"]
    for threshold in (1.0, 0.5):
        assert groups(texts, threshold)[:3] == [0, 1, 0]
    similar = SimilarTexts(1.0)
    assert len(similar) == 0
    assert similar.groups().tolist() == []


def test_duplicates_of_duplicates_belong_together() -> None:
    rng = random.Random(3)
    first = random_text(rng)
    chain = [first]
    for _ in range(8):
        chain.append(changed(chain[-1], rng, 2))
    assert jaccard(chain[0], chain[-1]) < 0.7
    assert set(groups(chain)) == {0}


def test_the_bands_find_what_they_promise() -> None:
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9):
        count = bands_for(threshold)
        assert 96 % count == 0
        assert 1 - (1 - threshold ** (96 // count)) ** count >= 0.99


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
@settings(deadline=None)
def test_a_set_is_represented_by_its_smallest_number(pairs: list[tuple[int, int]]) -> None:
    roots = _Roots(np.arange(20))
    sets = [{i} for i in range(20)]
    for one, other in pairs:
        roots.join(one, other)
        union = sets[one] | sets[other]
        for member in union:
            sets[member] = union
    assert roots.all().tolist() == [min(members) for members in sets]


def test_lone_surrogates_are_accepted() -> None:
    assert groups(["a\ud83d" * 5, "b" * 9]) == [0, 1]


@pytest.mark.parametrize("length", [1, 50_000])
def test_short_and_long_texts(length: int) -> None:
    assert groups(["好" * length, "好" * length, "坏" * length]) == [0, 0, 2]
