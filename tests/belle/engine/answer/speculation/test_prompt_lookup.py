"""What is guessed from the text itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.speculation.prompt_lookup import LONGEST_MATCH, PromptLookup

TEXTS = st.lists(st.integers(0, 3), max_size=60)


def test_what_followed_the_last_time_is_guessed() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 9, 2, 3])
    assert lookup.match == 2
    assert lookup.guess(3) == (4, 5, 6)
    lookup.add(4)
    assert (lookup.match, lookup.guess(2)) == (3, (5, 6))
    lookup.add(7)
    assert (lookup.match, lookup.guess(2)) == (0, ())


def test_what_repeats_itself_is_guessed_to_go_on() -> None:
    assert PromptLookup([7, 1, 2, 1, 2]).guess(5) == (1, 2, 1, 2, 1)


def test_the_latest_of_several_places_counts() -> None:
    assert PromptLookup([1, 2, 3, 1, 2, 4, 1, 2]).guess(1) == (4,)


@given(TEXTS, st.integers(0, 8))
def test_a_guess_follows_a_place_where_the_last_tokens_stood_before(text: list[int], most: int) -> None:
    lookup = PromptLookup(text)
    guess = lookup.guess(most)
    assert len(guess) == (most if lookup.match else 0)
    if guess:
        ends = range(lookup.match, len(text))
        matching = [end for end in ends if text[end - lookup.match : end] == text[-lookup.match :]]
        assert any((text[end:] + list(guess))[:most] == list(guess) for end in matching)


@given(TEXTS)
def test_no_place_of_a_pair_of_tokens_is_missed(text: list[int]) -> None:
    lookup = PromptLookup(text)
    stood_before = any(text[i : i + 2] == text[-2:] for i in range(len(text) - 2))
    assert (lookup.match > 0) == (len(text) > 2 and stood_before)
    assert lookup.match <= LONGEST_MATCH
