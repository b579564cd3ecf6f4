"""Windows as llama-perplexity cuts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.evaluation.text.scripts import CHINESE, LATIN, OTHER, scripts
from belle.evaluation.windows import Protocol, cut


def test_255_tokens_of_every_512_count() -> None:
    windows = cut(range(1700), Protocol(), bos=9)
    assert [window.start for window in windows] == [0, 512, 1024]
    assert [window.ids[0] for window in windows] == [9, 9, 9]
    assert list(windows[1].targets) == list(range(512 + 257, 1024))
    assert len(cut(range(1700), Protocol(chunks=2), bos=None)) == 2


def test_with_a_stride_every_token_counts_once() -> None:
    windows = cut(range(40), Protocol(n_ctx=16, stride=4), bos=None)
    assert [token for window in windows for token in window.targets] == list(range(12, 36))


@pytest.mark.parametrize("n", [0, 1, 1023])
def test_fewer_than_two_windows_are_refused(n: int) -> None:
    with pytest.raises(KnownError, match=f"has {n} tokens, fewer than two windows of 512"):
        cut(range(n), Protocol(), bos=1)


@pytest.mark.parametrize("options", [{"n_ctx": 7}, {"n_ctx": 33}, {"stride": 512}, {"stride": -1}, {"chunks": -1}])
def test_impossible_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(KnownError):
        Protocol(**options)


def test_a_token_is_of_the_script_of_its_first_character() -> None:
    pieces = [b" hello", "你".encode()[:2], "你".encode()[2:], " 好a".encode(), b" ", b"", b"42", "é".encode()]
    assert scripts(pieces) == [LATIN, CHINESE, CHINESE, CHINESE, OTHER, OTHER, OTHER, LATIN]


@given(st.lists(st.binary(max_size=4)))
def test_any_bytes_have_a_script_each(pieces: list[bytes]) -> None:
    assert len(scripts(pieces)) == len(pieces)
