"""How many threads to use, decided from measured times while the model runs.

No number is right in advance. llama.cpp's threads wait for each other several hundred times per token, and they wait by
spinning: with a core each they are fast, but when another process takes one of the cores, all threads stand still until
that core is free again. On two cores, two threads generated 118 tokens per second on a quiet machine and one thread 70;
with one core busy, two threads generated 37 and one thread 76. So other numbers are tried from time to time, and at
once when a token takes much longer than those before it or when the load of the machine has changed.

`ThreadTuner` is only the policy: it reads neither a clock nor the machine's load, but is given durations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from statistics import median


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a tuner tries other numbers. Everything is counted in evaluations (tokens, or chunks of a prompt).

    Args:
        warmup: evaluations after a change that are not counted, while threads wake up.
        trial: evaluations by which another number is judged.
        memory: the latest evaluations of the number in use, with which a trial is compared.
        soon: wait before a first trial.
        settled: the same, while the number in use is the one that the machine's load suggests.
        longest: a failed trial at least doubles the wait before the next one, up to this.
        slow_streak: this many evaluations in a row, much slower than usual, mean that a core was lost.
        look: evaluations between two reviews of the latest ones.
    """

    warmup: int
    trial: int
    memory: int
    soon: int
    settled: int
    longest: int
    slow_streak: int
    look: int


DECODE_PACE = Pace(warmup=1, trial=3, memory=9, soon=24, settled=64, longest=1024, slow_streak=2, look=8)
PREFILL_PACE = Pace(warmup=0, trial=1, memory=3, soon=4, settled=12, longest=64, slow_streak=1, look=1)

# Durations of a trial, relative to the usual ones of the number in use.
_BETTER = 0.94  # must be below this to be adopted: less is noise
_WORSE = 1.1  # above this, numbers farther in the same direction are not tried either
_HOPELESS = 2.0  # above this a trial is broken off
_HOPELESS_AT_ONCE = 5.0  # the same for its first evaluation, in which threads wake up
_SLOW = 1.6  # an evaluation of the number in use that is slower than this is a sign of contention


def ladder(most: int) -> list[int]:
    """The numbers of threads worth trying, ascending: 1, 2, quarters of `most`, and all from `most` - 2 on."""
    steps = {1, 2, most // 4, most // 2, 3 * most // 4, most - 2, most - 1, most}
    return sorted(step for step in steps if 1 <= step <= most)


class ThreadTuner:
    """Chooses one of `counts` by durations. `count` is the number of threads for the next evaluation.

    Args:
        counts: numbers of threads to choose from, ascending.
        pace: see there.
        free_cores: suggests a number by the machine's load; returns None when it is not known.
    """

    def __init__(self, counts: list[int], pace: Pace, free_cores: Callable[[], int | None] = lambda: None) -> None:
        self._counts = counts
        self._pace = pace
        self._free_cores = free_cores
        self._baseline = len(counts) - 1  # index of the number in use
        self._trial: int | None = None  # index of the number that is being tried
        self._times: list[float] = []  # of the trial
        self._recent: deque[float] = deque(maxlen=pace.memory)  # durations with the number in use
        self._usual: float | None = None  # their median before this request, while there are too few new ones
        self._limit = inf  # slower than this is a sign of contention
        self._slow = 0  # such evaluations in a row
        self._clock = 0  # evaluations so far
        self._next_look = 0
        self._wait = [pace.soon] * len(counts)  # by index: before its next trial
        self._due = [0] * len(counts)  # by index: the clock of its next trial
        self._suggested: int | None = None  # by the machine's load, when it was looked at last
        for index in range(len(counts)):
            self._defer(index)

    @property
    def count(self) -> int:
        """The number of threads to use now."""
        return self._counts[self._baseline if self._trial is None else self._trial]

    @property
    def best(self) -> int:
        """The number found best so far."""
        return self._counts[self._baseline]

    def begin(self) -> None:
        """Begin a request: its durations differ a little from those of the last one; what was learned stays."""
        self._trial = None
        self._usual = self._usual_seconds()
        self._recent.clear()
        self._slow = 0
        suggestion = self._suggestion()
        if suggestion is not None and suggestion != self._suggested:
            self._suggested = suggestion
            self._move(suggestion)

    def observe(self, seconds: float) -> bool:
        """Record that an evaluation with `count` threads took `seconds` (per token, for several tokens).

        Returns whether `count` has changed.
        """
        self._clock += 1
        if self._trial is None and seconds <= self._limit and self._clock < self._next_look:
            # The usual case. Between two tokens every microsecond counts, so the rest is done every `look` evaluations.
            self._recent.append(seconds)
            self._slow = 0
            return False
        before = self.count
        if self._trial is not None:
            self._observe_trial(seconds)
        elif len(self._counts) > 1:
            self._observe_baseline(seconds)
        self._next_look = self._clock + self._pace.look
        usual = self._usual_seconds()
        self._limit = inf if usual is None else _SLOW * usual
        return self.count != before

    def _observe_baseline(self, seconds: float) -> None:
        if seconds > self._limit:
            self._slow += 1
        else:
            self._slow = 0
            self._recent.append(seconds)
        if self._slow >= self._pace.slow_streak:
            self._on_contention(seconds)
        self._follow_load()
        if len(self._recent) >= self._pace.trial:
            self._start_due_trial()

    def _usual_seconds(self) -> float | None:
        return median(self._recent) if len(self._recent) >= self._pace.trial else self._usual

    def _on_contention(self, seconds: float) -> None:
        """Evaluations are slower now: compare with the new duration, and try every smaller number soon."""
        self._recent.clear()
        self._recent.extend([seconds] * self._pace.trial)
        self._slow = 0
        self._usual = None
        self._due[: self._baseline] = [self._clock] * self._baseline

    def _follow_load(self) -> None:
        """When the number that the machine's load suggests has changed, try it soon."""
        suggestion = self._suggestion()
        if suggestion == self._suggested or suggestion is None:
            return
        self._suggested = suggestion
        if suggestion != self._baseline:
            self._due[suggestion] = self._clock

    def _suggestion(self) -> int | None:
        """The index of the largest number that has free cores; None when the load is not known."""
        free = self._free_cores()
        if free is None:
            return None
        return max((i for i, count in enumerate(self._counts) if count <= free), default=0)

    def _start_due_trial(self) -> None:
        due = [i for i in range(len(self._counts)) if i != self._baseline and self._due[i] <= self._clock]
        if due:
            self._trial = min(due, key=lambda i: (abs(i - self._baseline), i))
            self._times = []

    def _observe_trial(self, seconds: float) -> None:
        self._times.append(seconds)
        usual = self._usual_seconds() or seconds
        counted = self._times[self._pace.warmup :]
        hopeless = min(self._times) > usual * (_HOPELESS if counted else _HOPELESS_AT_ONCE)
        if len(counted) < self._pace.trial and not hopeless:
            return
        tried, self._trial = self._trial, None
        if tried is None:
            return
        ratio = median(counted or self._times) / usual
        if ratio < _BETTER:
            self._move(tried)
            self._recent.extend(counted)
        else:
            # The slower the trial was, the longer the wait until the next one.
            self._wait[tried] = min(int(max(2.0, ratio) * self._wait[tried]), self._pace.longest)
            beyond = range(tried + 1) if tried < self._baseline else range(tried, len(self._counts))
            for index in beyond if ratio > _WORSE else (tried,):
                self._defer(index)

    def _move(self, index: int) -> None:
        """Use the number at `index` from now on, and plan the trials of the others anew."""
        left, self._baseline = self._baseline, index
        self._usual, self._limit = None, inf
        self._recent.clear()
        self._slow = 0
        wait = self._pace.settled if index == self._suggested else self._pace.soon
        self._wait = [wait] * len(self._counts)
        for other, due in enumerate(self._due):
            # What is due because of contention stays due.
            if due > self._clock or other == left:
                self._defer(other)

    def _defer(self, index: int) -> None:
        """Plan the next trial: later with the square of the distance, for large steps are rarely right, and many."""
        self._due[index] = self._clock + self._wait[index] * (index - self._baseline) ** 2
