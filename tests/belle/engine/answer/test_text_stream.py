from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.text_stream import TextStream


def run(data: bytes, cuts: list[int], stop: tuple[str, ...] = (), **options: bool) -> TextStream:
    """Feed `data` in pieces cut at `cuts`."""
    stream = TextStream(stop, **options)
    given_out = ""
    edges = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    for start, end in pairwise(edges):
        given_out += stream.feed(data[start:end])
    given_out += stream.finish()
    assert stream.text == given_out
    return stream


def reference(text: str, stop: tuple[str, ...]) -> str:
    """The text before the stop string that is complete first, the longest of those; by trying every end."""
    for end in range(len(text) + 1):
        complete = [s for s in stop if s and text[:end].endswith(s)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


CUTS = st.lists(st.integers(0, 200))
# A small alphabet, so that stop strings overlap each other and themselves.
ALPHABET = st.sampled_from("ab \n你🦊")
STOPS = st.lists(st.text(ALPHABET, max_size=4), max_size=4).map(tuple)


@given(st.text(), CUTS)
def test_any_split_of_any_text_gives_the_text(text: str, cuts: list[int]) -> None:
    data = text.encode("utf-8", "replace")
    assert run(data, cuts).text == data.decode()


@given(st.text(ALPHABET, max_size=60), CUTS, STOPS)
def test_stop_strings_end_the_text_wherever_it_is_split(text: str, cuts: list[int], stop: tuple[str, ...]) -> None:
    stream = run(text.encode(), cuts, stop)
    assert stream.text == reference(text, stop)
    assert (stream.stopped_by is None) == (stream.text == text and not any(s and s in text for s in stop))


@given(st.binary(max_size=60), CUTS)
def test_malformed_bytes_become_replacement_characters(data: bytes, cuts: list[int]) -> None:
    assert run(data, cuts).text == data.decode("utf-8", "replace")


@given(st.text(ALPHABET, max_size=20), CUTS, STOPS)
def test_one_leading_space_is_dropped(text: str, cuts: list[int], stop: tuple[str, ...]) -> None:
    stream = run(text.encode(), cuts, stop, strip_leading_space=True)
    assert stream.text == reference(text.removeprefix(" "), stop)


def test_nothing_is_held_back_longer_than_needed() -> None:
    stream = TextStream(("Human:",))
    assert stream.feed(b"Hello") == "Hello"
    assert stream.feed(b" Hum") == " "
    assert stream.feed(b"ans") == "Humans"
    assert stream.feed(b"\nHuman") == "\n"
    assert stream.feed(b":") == ""
    assert stream.stopped_by == "Human:"
    assert stream.feed(b"more") == stream.finish() == ""


@pytest.mark.parametrize("cut", [True, False])
def test_an_unfinished_character_at_the_end(cut: bool) -> None:
    stream = TextStream()
    assert stream.feed("你".encode()[:2]) == ""
    assert stream.finish(cut=cut) == ("" if cut else "\ufffd")


def test_malformed_bytes_never_stall_the_stream() -> None:
    stream = TextStream()
    assert len("".join(stream.feed(b"\xe4") for _ in range(50))) >= 49
