from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.schedule.prefill import PrefillChunker
from belle.engine.llama.context import N_BATCH


def chunks(length: int, speed: float | None, most: int = N_BATCH) -> list[int]:
    """The sizes of the chunks of a prompt."""
    prefill = PrefillChunker()
    prefill.tokens_per_s = speed
    sizes: list[int] = []
    while sum(sizes) < length:
        sizes.append(prefill.chunk_size(length - sum(sizes), most))
    return sizes


@given(st.integers(1, 3000), st.one_of(st.none(), st.floats(0.01, 1e5)), st.integers(100, N_BATCH))
def test_chunks_cover_everything_and_the_last_token_stands_alone(length: int, speed: float | None, most: int) -> None:
    sizes = chunks(length, speed, most)
    assert sum(sizes) == length
    assert sizes[-1] == 1
    assert all(1 <= size <= most for size in sizes)


@given(st.integers(1, 3000), st.floats(0.01, 1e5), st.floats(0.01, 1e5))
def test_the_speed_does_not_change_which_tokens_share_an_odd_chunk(length: int, one: float, other: float) -> None:
    assert [size for size in chunks(length, one) if size % 8] == [size for size in chunks(length, other) if size % 8]


def test_the_speed_is_learned() -> None:
    prefill = PrefillChunker()
    assert prefill.seconds_left(100) is None
    prefill.learn(0.5, 64)
    assert prefill.seconds_left(128) == 1.0


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 1e5))
def test_reading_ahead_ends_with_a_whole_grain(length: int, start: int, speed: float) -> None:
    prefill = PrefillChunker()
    prefill.tokens_per_s = speed
    chunks = list(prefill.whole_chunks(range(length), start))
    assert [token for chunk in chunks for token in chunk] == list(range(start, length // 8 * 8))
    assert all((chunk[-1] + 1) % 8 == 0 for chunk in chunks)
