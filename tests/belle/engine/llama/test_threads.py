"""The thread policy on simulated machines: no clock, no llama.cpp."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from belle.engine.llama.threads import DECODE_PACE, PREFILL_PACE, Pace, ThreadTuner, ladder

TOKENS = 256


class Machine:
    """Cores of which some are busy. Threads that find no core of their own stall all the others."""

    def __init__(self, cores: int, seed: int = 0) -> None:
        self.cores, self.busy = cores, 0
        self._random = random.Random(seed)

    def ideal(self, threads: int) -> float:
        stalled = threads > 1 and threads > self.cores - self.busy
        return (2.6 if stalled else 1.0) / threads**0.8

    def seconds(self, threads: int) -> float:
        hiccup = 4 if self._random.random() < 0.01 else 1
        return self.ideal(threads) * (1 + 0.15 * self._random.random()) * hiccup

    def free_cores(self) -> int:
        return max(1, self.cores - self.busy)

    def speed_against_best(self, tuner: ThreadTuner, tokens: int = TOKENS) -> float:
        """Speed of one request ÷ that of the best fixed number of threads."""
        tuner.begin()
        used = 0.0
        for _ in range(tokens):
            seconds = self.seconds(tuner.count)
            used += seconds
            tuner.observe(seconds)
        best = min(self.ideal(n) for n in ladder(self.cores)) * 1.105  # mean of the noise and the hiccups
        return tokens * best / used


def tuner_for(machine: Machine, *, sensor: bool, pace: Pace = DECODE_PACE) -> ThreadTuner:
    sense: Callable[[], int | None] = machine.free_cores if sensor else lambda: None
    return ThreadTuner(ladder(machine.cores), pace, sense)


@pytest.mark.parametrize("cores", [2, 4, 6, 8, 16])
@pytest.mark.parametrize("seed", range(3))
def test_close_to_the_best_fixed_choice_quiet_and_busy(cores: int, seed: int) -> None:
    machine = Machine(cores, seed)
    tuner = tuner_for(machine, sensor=True)
    for busy in (0, 1, 0, cores // 2, 0):
        machine.busy = busy
        assert machine.speed_against_best(tuner) > 0.85, f"{busy} of {cores} cores busy"


@pytest.mark.parametrize("seed", range(3))
def test_durations_alone_are_enough(seed: int) -> None:
    machine = Machine(2, seed)
    tuner = tuner_for(machine, sensor=False)
    assert machine.speed_against_best(tuner) > 0.9
    machine.busy = 1
    assert machine.speed_against_best(tuner) > 0.85
    assert tuner.best == 1
    machine.busy = 0
    for _ in range(2):
        machine.speed_against_best(tuner)
    assert tuner.best == 2


def test_a_stolen_core_is_noticed_within_a_few_tokens() -> None:
    machine = Machine(2)
    tuner = tuner_for(machine, sensor=False)
    machine.speed_against_best(tuner)
    machine.busy = 1
    tokens = 0
    while tuner.best == 2:
        tuner.observe(machine.seconds(tuner.count))
        tokens += 1
    assert tokens <= 10


def test_a_freed_core_is_noticed_within_a_few_tokens_by_the_load() -> None:
    machine = Machine(2)
    machine.busy = 1
    tuner = tuner_for(machine, sensor=True)
    machine.speed_against_best(tuner)
    assert tuner.best == 1
    machine.busy = 0
    for _ in range(8):
        tuner.observe(machine.seconds(tuner.count))
    assert tuner.best == 2


def test_a_misleading_load_is_overruled_by_the_durations() -> None:
    machine = Machine(4)
    tuner = ThreadTuner(ladder(4), DECODE_PACE, lambda: 1)
    for _ in range(4):
        machine.speed_against_best(tuner)
    assert tuner.best >= 3


def test_a_new_request_begins_with_what_the_load_suggests() -> None:
    machine = Machine(8)
    tuner = tuner_for(machine, sensor=True)
    assert tuner.count == 8
    machine.busy = 1
    tuner.begin()
    assert tuner.count == 7


def test_prefill_learns_from_few_chunks() -> None:
    machine = Machine(2)
    tuner = tuner_for(machine, sensor=False, pace=PREFILL_PACE)
    machine.speed_against_best(tuner, tokens=10)
    machine.busy = 1
    tuner.begin()
    for _ in range(4):
        tuner.observe(machine.seconds(tuner.count))
    assert tuner.best == 1


def test_one_choice_is_no_choice() -> None:
    tuner = ThreadTuner([3], DECODE_PACE)
    tuner.begin()
    for seconds in (1.0, 9.0) * 100:
        tuner.observe(seconds)
        assert tuner.count == 3


def test_the_ladder_is_fine_near_the_top() -> None:
    assert ladder(1) == [1]
    assert ladder(2) == [1, 2]
    assert ladder(16) == [1, 2, 4, 8, 12, 14, 15, 16]
