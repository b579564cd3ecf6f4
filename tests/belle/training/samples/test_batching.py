"""Plans of an epoch: every sample exactly once over all processes, whatever the numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.training.samples.batching import EpochPlan, best_fit_decreasing, plan_epoch

MAX = 64
LENGTHS = st.lists(st.integers(1, MAX), min_size=1, max_size=200).map(lambda x: np.array(x, np.int32))
MODES = st.sampled_from(["pack", "group", "pad"])
SMALL = st.integers(1, 5)


def plan(lengths: np.ndarray, mode: str, batch_size: int = 4, **changes: object) -> EpochPlan:
    options = {"max_length": MAX, "seed": 7, "epoch": 0, **changes}
    return plan_epoch(lengths, mode=mode, batch_size=batch_size, **options)


def samples_of(some: EpochPlan) -> list[int]:
    return [sample for batch in some for row in batch for sample in row]


def zipf_lengths(count: int) -> np.ndarray:
    """Chat-like: median 60, a long tail."""
    rng = np.random.default_rng(3)
    return np.clip(np.exp(rng.normal(np.log(60), 0.9, count)), 4, 512).astype(np.int32)


@given(LENGTHS, MODES, SMALL, SMALL, SMALL)
def test_every_sample_comes_up_once_in_exactly_one_process(
    lengths: np.ndarray, mode: str, batch_size: int, world_size: int, accumulation: int
) -> None:
    plans = [
        plan(lengths, mode, batch_size, rank=rank, world_size=world_size, accumulation=accumulation)
        for rank in range(world_size)
    ]
    assert Counter(s for p in plans for s in samples_of(p)) == Counter(range(len(lengths)))
    assert len({len(p) for p in plans}) == 1
    assert all(len(batch) <= batch_size for p in plans for batch in p)


@given(LENGTHS, MODES, SMALL, SMALL)
def test_only_the_last_round_lacks_samples(lengths: np.ndarray, mode: str, batch_size: int, world_size: int) -> None:
    plans = [plan(lengths, mode, batch_size, rank=rank, world_size=world_size) for rank in range(world_size)]
    in_turn = [len(plans[rank][k]) for k in range(len(plans[0])) for rank in range(world_size)]
    assert all(size == batch_size for size in in_turn[:-world_size])
    assert in_turn == sorted(in_turn, reverse=True)


@given(LENGTHS, SMALL)
def test_no_block_is_longer_than_allowed(lengths: np.ndarray, batch_size: int) -> None:
    blocks = [row for batch in plan(lengths, "pack", batch_size) for row in batch]
    assert all(lengths[block].sum() <= MAX for block in blocks)


@given(LENGTHS, MODES)
def test_the_same_seed_gives_the_same_plan_and_another_epoch_another(lengths: np.ndarray, mode: str) -> None:
    assert list(plan(lengths, mode)) == list(plan(lengths, mode))
    if mode == "pad" and len(lengths) > 20:
        assert samples_of(plan(lengths, mode)) != samples_of(plan(lengths, mode, epoch=1))
        assert samples_of(plan(lengths, mode)) != samples_of(plan(lengths, mode, seed=8))


@given(LENGTHS, st.sampled_from(["group", "pad"]))
def test_a_step_has_the_same_samples_however_it_is_spread(lengths: np.ndarray, mode: str) -> None:
    """Four micro-batches of one, one of four, and two processes with two."""

    def steps(plans: list[EpochPlan], accumulation: int) -> list[list[int]]:
        return [
            sorted(
                sample
                for p in plans
                for k in range(first, min(first + accumulation, len(p)))
                for row in p[k]
                for sample in row
            )
            for first in range(0, len(plans[0]), accumulation)
        ]

    whole = steps([plan(lengths, mode, 4)], 1)
    assert steps([plan(lengths, mode, 1, accumulation=4)], 4) == whole
    halves = [plan(lengths, mode, 2, rank=rank, world_size=2) for rank in (0, 1)]
    assert steps(halves, 1) == whole


def test_a_plan_can_be_entered_anywhere() -> None:
    lengths = zipf_lengths(100)
    whole = plan(lengths, "group")
    assert [whole[k] for k in range(10, len(whole))] == list(whole)[10:]
    with pytest.raises(IndexError):
        whole[len(whole)]


def test_grouping_hardly_pads_and_stays_random() -> None:
    lengths = zipf_lengths(4000)

    def filled(some: EpochPlan) -> float:
        computed = sum(len(batch) * lengths[[s for row in batch for s in row]].max() for batch in some)
        return float(computed / lengths.sum())

    options = {"max_length": 512, "batch_size": 8}
    grouped = plan(lengths, "group", **options)
    assert filled(plan(lengths, "pad", **options)) > 1.9
    assert filled(grouped) < 1.1
    means = [lengths[[s for row in batch for s in row]].mean() for batch in grouped]
    first, second = np.array(means[: len(means) // 2]), np.array(means[len(means) // 2 :])
    assert abs(first.mean() - second.mean()) < 0.2 * lengths.mean()


def test_grouping_begins_with_the_longest_sample() -> None:
    lengths = zipf_lengths(1000)
    first = plan(lengths, "group", max_length=512)[0]
    assert lengths.max() in lengths[[s for row in first for s in row]]


def test_packing_fills_its_blocks() -> None:
    lengths = zipf_lengths(4000)
    blocks = [row for batch in plan(lengths, "pack", max_length=1024) for row in batch]
    assert lengths.sum() / (len(blocks) * 1024) > 0.98


@settings(max_examples=30)
@given(LENGTHS)
def test_best_fit_takes_the_fullest_block_with_room(lengths: np.ndarray) -> None:
    """Against the definition, tried out block by block."""
    free: list[int] = []
    expected = 0
    for length in sorted(lengths.tolist(), reverse=True):
        fitting = [room for room in free if room >= length]
        if fitting:
            free.remove(min(fitting))
            free.append(min(fitting) - length)
        else:
            expected += 1
            free.append(MAX - length)
    blocks = best_fit_decreasing(lengths, MAX)
    assert sorted(MAX - np.bincount(blocks, lengths)) == sorted(free)
    assert len(set(blocks.tolist())) == expected == blocks.max() + 1


@pytest.mark.parametrize("length", [0, MAX + 1])
def test_best_fit_refuses_what_fits_nowhere(length: int) -> None:
    with pytest.raises(ValueError, match="lengths must be from 1 to 64"):
        best_fit_decreasing(np.array([3, length], np.int32), MAX)


def test_a_hundred_thousand_samples_are_packed_at_once() -> None:
    lengths = zipf_lengths(100_000)
    blocks = best_fit_decreasing(lengths, 2048)
    assert np.bincount(blocks, lengths).max() <= 2048


def test_weights_that_fill_the_memory_are_refused() -> None:
    with pytest.raises(KnownError, match="one epoch would have 1e\\+13 samples"):
        plan(np.full(10, 8, np.int32), "pad", weights=np.full(10, 1e12))


def test_weights_repeat_files_and_halve_them() -> None:
    lengths = np.full(30, 5, np.int32)
    weights = np.repeat([2.0, 0.5, 1.0], 10)
    seen = [Counter(samples_of(plan(lengths, "pad", weights=weights, epoch=epoch))) for epoch in (0, 1)]
    for epoch in seen:
        assert [epoch[s] for s in range(10)] == [2] * 10
        assert sum(epoch[s] for s in range(10, 20)) == 5
        assert [epoch[s] for s in range(20, 30)] == [1] * 10
    assert sorted(s for epoch in seen for s in epoch if 10 <= s < 20) == list(range(10, 20))


def test_without_shuffling_the_order_is_the_files() -> None:
    lengths = zipf_lengths(50)
    assert samples_of(plan(lengths, "pad", max_length=512, shuffle=False)) == list(range(50))


def test_no_samples_is_a_known_error() -> None:
    with pytest.raises(KnownError) as error:
        plan(np.empty(0, np.int32), "group")
    assert error.value.kind == "no_samples"


def test_a_sample_longer_than_a_block_is_named() -> None:
    with pytest.raises(KnownError, match="100 tokens, and a block for packing holds 64") as error:
        plan(np.array([5, 100], np.int32), "pack")
    assert error.value.kind == "sample_too_long"
