"""How many threads to use, decided from measured times while the model runs.

There is no right number beforehand. llama.cpp's threads wait for each other several hundred times per token, and they
wait by spinning: with a core each they are fast, but when another process takes one of the cores, all of them stand
still until it gives the core back. Two threads on two cores made 118 tokens per second on a quiet machine, where one
made 70; with one core busy they made 37, and one thread 76. So the number is tried out, again and again but rarely,
and at once when a token takes much longer than the ones before it or when the load of the machine has changed.

`ThreadTuner` is only the policy: it never looks at a clock or at the machine, it is told durations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from statistics import median


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly a tuner tries other numbers. All counted in evaluations (tokens, or chunks of a prompt).

    Args:
        warmup: evaluations after a change that are not counted, while threads wake up.
        trial: evaluations by which another number is judged.
        memory: evaluations of the number in use that it is compared with.
        soon: wait before a first trial.
        settled: the same, while the number in use is the one that the machine's load suggests.
        longest: trials that fail double the wait up to this.
        slow_streak: so many evaluations in a row that are much slower than usual mean that a core is gone.
        look: evaluations between two looks at what the last ones were like.
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

_BETTER = 0.94  # a trial must take less than this share of the time to be believed
_WORSE = 1.1  # a trial that is so much slower says that going further that way is no use either
_HOPELESS = 2.0  # a trial that is this much slower need not be finished
_HOPELESS_AT_ONCE = 5.0  # the same for the first evaluation, in which threads wake up
_SLOW = 1.6  # times the usual duration: something has happened


def ladder(most: int) -> list[int]:
    """The numbers of threads worth trying, ascending: 1, 2, quarters of `most`, and all from `most` - 2 on."""
    steps = {1, 2, most // 4, most // 2, 3 * most // 4, most - 2, most - 1, most}
    return sorted(step for step in steps if 1 <= step <= most)


class ThreadTuner:
    """Chooses one of `counts`, by the durations it is told. `count` is the number to use for the next evaluation.

    Args:
        counts: numbers of threads, ascending; a single one is never changed.
        pace: see there.
        free_cores: suggests a number from the machine's load, None when it knows nothing.
    """

    def __init__(self, counts: list[int], pace: Pace, free_cores: Callable[[], int | None] = lambda: None) -> None:
        self._counts = counts
        self._pace = pace
        self._free_cores = free_cores
        self._home = len(counts) - 1
        self._trial: int | None = None
        self._times: list[float] = []
        self._recent: deque[float] = deque(maxlen=pace.memory)
        self._usual: float | None = None
        self._limit = inf
        self._slow = 0
        self._clock = 0
        self._next_look = 0
        self._wait = [pace.soon] * len(counts)
        self._due = [0] * len(counts)
        self._suggested: int | None = None
        for index in range(len(counts)):
            self._defer(index)

    @property
    def count(self) -> int:
        """The number of threads to use now."""
        return self._counts[self._home if self._trial is None else self._trial]

    @property
    def best(self) -> int:
        """The number found best so far."""
        return self._counts[self._home]

    def begin(self) -> None:
        """A new request: its durations are not quite those of the last one, what was learned stays."""
        self._trial = None
        self._usual = self._usual_seconds()
        self._recent.clear()
        self._slow = 0
        suggestion = self._suggestion()
        if suggestion is not None and suggestion != self._suggested:
            self._suggested = suggestion
            self._move(suggestion)

    def observe(self, seconds: float) -> bool:
        """One evaluation with `count` threads took `seconds` (per token, where it was of several).

        Returns whether `count` has changed by it.
        """
        self._clock += 1
        if self._trial is None and seconds <= self._limit and self._clock < self._next_look:
            # Nearly always. Between two tokens every microsecond counts, so the thinking is done now and then only.
            self._recent.append(seconds)
            self._slow = 0
            return False
        before = self.count
        if self._trial is not None:
            self._observe_trial(seconds)
        elif len(self._counts) > 1:
            self._observe_home(seconds)
        self._next_look = self._clock + self._pace.look
        usual = self._usual_seconds()
        self._limit = inf if usual is None else _SLOW * usual
        return self.count != before

    def _observe_home(self, seconds: float) -> None:
        if seconds > self._limit:
            self._slow += 1
        else:
            self._slow = 0
            self._recent.append(seconds)
        if self._slow >= self._pace.slow_streak:
            self._on_contention(seconds)
        self._listen()
        if len(self._recent) >= self._pace.trial:
            self._start_due_trial()

    def _usual_seconds(self) -> float | None:
        return median(self._recent) if len(self._recent) >= self._pace.trial else self._usual

    def _on_contention(self, seconds: float) -> None:
        """The times have changed: compare with the new ones, and try every smaller number now."""
        self._recent.clear()
        self._recent.extend([seconds] * self._pace.trial)
        self._slow = 0
        self._usual = None
        self._due[: self._home] = [self._clock] * self._home

    def _listen(self) -> None:
        """Try what the machine's load suggests, when that has just changed."""
        suggestion = self._suggestion()
        if suggestion == self._suggested or suggestion is None:
            return
        self._suggested = suggestion
        if suggestion != self._home:
            self._due[suggestion] = self._clock

    def _suggestion(self) -> int | None:
        """The index of the largest count that finds free cores."""
        free = self._free_cores()
        if free is None:
            return None
        return max((i for i, count in enumerate(self._counts) if count <= free), default=0)

    def _start_due_trial(self) -> None:
        due = [i for i in range(len(self._counts)) if i != self._home and self._due[i] <= self._clock]
        if due:
            self._trial = min(due, key=lambda i: (abs(i - self._home), i))
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
            # The more it cost, the longer until the next time.
            self._wait[tried] = min(int(max(2.0, ratio) * self._wait[tried]), self._pace.longest)
            beyond = range(tried + 1) if tried < self._home else range(tried, len(self._counts))
            for index in beyond if ratio > _WORSE else (tried,):
                self._defer(index)

    def _move(self, home: int) -> None:
        left, self._home = self._home, home
        self._usual, self._limit = None, inf
        self._recent.clear()
        self._slow = 0
        wait = self._pace.settled if home == self._suggested else self._pace.soon
        self._wait = [wait] * len(self._counts)
        for index, due in enumerate(self._due):
            # What is due because of contention stays due.
            if due > self._clock or index == left:
                self._defer(index)

    def _defer(self, index: int) -> None:
        """Far steps are rarely right, and a large machine has many of them."""
        self._due[index] = self._clock + self._wait[index] * (index - self._home) ** 2
