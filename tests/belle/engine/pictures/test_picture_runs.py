"""Pictures among tokens: their numbers, and the positions of what comes after them."""

from __future__ import annotations

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from belle.engine.llama.kv_sequence import shared_length
from belle.engine.pictures.picture_runs import PictureRun, PictureRuns, has_picture, text_length

pieces = st.lists(st.one_of(st.integers(0, 100), st.tuples(st.integers(0, 3), st.integers(1, 20))), max_size=12)


def run_of(number: int, n_tokens: int) -> PictureRun:
    """A picture with as many positions as M-RoPE gives a square one."""
    return PictureRun(f"{number} {n_tokens}", 0, n_tokens, max(1, int(n_tokens**0.5)), "picture.png")


@given(pieces)
def test_positions_are_those_of_tokens_and_of_runs(parts: list[int | tuple[int, int]]) -> None:
    runs, tokens, boundaries = PictureRuns(), list[int](), [(0, 0)]
    for part in parts:
        if isinstance(part, int):
            tokens.append(part)
            boundaries.append((len(tokens), boundaries[-1][1] + 1))
        else:
            run = run_of(*part)
            runs.add(run)
            tokens += run.ids
            boundaries.append((len(tokens), boundaries[-1][1] + run.n_positions))
    for start, before in boundaries:
        for end, after in boundaries:
            if start <= end:
                assert runs.n_positions(tokens, start, end) == after - before


@given(pieces, pieces)
def test_what_two_prompts_share_cuts_through_no_picture(
    first: list[int | tuple[int, int]], second: list[int | tuple[int, int]]
) -> None:
    ours, theirs = (
        [token for part in parts for token in ([part] if isinstance(part, int) else run_of(*part).ids)]
        for parts in (first, second)
    )
    shared = shared_length(ours, theirs)
    alike = [a for a, _ in takewhile(lambda both: both[0] == both[1], zip(first, second, strict=False))]
    assert shared == sum(1 if isinstance(part, int) else part[1] for part in alike)


def test_the_numbers_of_a_picture_are_negative_and_its_own() -> None:
    one, other_tile = PictureRun("a", 0, 1000, 1000, "p"), PictureRun("a", 1, 1000, 1000, "p")
    assert -(1 << 31) <= min(one.ids) <= max(one.ids) < 0
    assert one.ids == PictureRun("a", 0, 1000, 1000, "another path").ids
    assert one.ids[0] != other_tile.ids[0]
    assert has_picture([1, *one.ids])
    assert not has_picture([1, 2])
    assert not has_picture([])
    assert text_length([1, 2, *one.ids, 3], 0) == 2
    assert text_length([1, 2, *one.ids, 3], 2) == 0
    assert text_length([1, 2], 1) == 1
