from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.prefill import PrefillChunker
from belle.engine.llama.context import N_BATCH


@given(st.integers(1, 3000), st.one_of(st.none(), st.floats(0.01, 1e5)))
def test_chunks_cover_everything_and_the_last_token_stands_alone(length: int, speed: float | None) -> None:
    prefill = PrefillChunker()
    prefill.tokens_per_s = speed
    chunks = list(prefill.chunks(range(length)))
    assert [token for chunk in chunks for token in chunk] == list(range(length))
    assert len(chunks[-1]) == 1
    assert all(1 <= len(chunk) <= N_BATCH for chunk in chunks)


@given(st.integers(1, 3000), st.floats(0.01, 1e5), st.floats(0.01, 1e5))
def test_the_speed_does_not_change_which_tokens_share_an_odd_chunk(length: int, one: float, other: float) -> None:
    def odd(speed: float) -> list[Sequence[int]]:
        prefill = PrefillChunker()
        prefill.tokens_per_s = speed
        return [chunk for chunk in prefill.chunks(range(length)) if len(chunk) % 8]

    assert odd(one) == odd(other)


def test_the_speed_is_learned() -> None:
    prefill = PrefillChunker()
    assert prefill.seconds_left(100) is None
    prefill.timed(lambda chunk: None, range(64))
    assert prefill.seconds_left(100) is not None


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 1e5))
def test_reading_ahead_ends_with_a_whole_grain(length: int, start: int, speed: float) -> None:
    prefill = PrefillChunker()
    prefill.tokens_per_s = speed
    chunks = list(prefill.whole_chunks(range(length), start))
    assert [token for chunk in chunks for token in chunk] == list(range(start, length // 8 * 8))
    assert all((chunk[-1] + 1) % 8 == 0 for chunk in chunks)
