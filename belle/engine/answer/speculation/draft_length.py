"""How many guessed tokens are worth evaluating with the next one: decided from measured times and what came true.

A batch of n tokens takes longer than one token, by a factor that depends on the model: little where the memory is what
is waited for, almost n where it is the arithmetic. Whatever is guessed wrongly was computed in vain. So a guess is
evaluated only as far as that is expected to be faster than going on token by token, and where no length is, none.

Only the policy is here: it reads no clock, but is given durations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from statistics import median

_MEMORY = 9  # latest durations of one size of batch
_PRIOR_SLOPE = 0.5  # of a single token's time, for each token more, in batches that have not been timed
_LEAST_GAIN = 1.2  # tokens per second with a guess ÷ without: less is lost where the estimates are too good

_LEAST_LOSS, _LOSS_SHARE = 3.0, 0.02  # single tokens that may be lost in any answer, and for each of its tokens

_FORGETTING = 0.97  # of what was seen, whenever a guess with the same match is judged
_PRIOR_WEIGHT = 4.0  # guesses that the prior counts for


class Acceptance:
    """How often a guess comes true, by the length of the match that it is made from.

    Every guess counts, also those that were not evaluated: whether they come true is seen all the same.

    Args:
        priors: what is expected before anything was seen, by the length of the match; the last is for longer ones, too.
    """

    def __init__(self, priors: Sequence[float]) -> None:
        self._priors = priors
        self._right = [0.0] * len(priors)
        self._judged = [0.0] * len(priors)

    def judge(self, match: int, *, is_right: bool) -> None:
        """A guess from a match of this length was right or wrong."""
        self._right[match] = self._right[match] * _FORGETTING + is_right
        self._judged[match] = self._judged[match] * _FORGETTING + 1

    def probability(self, match: int) -> float:
        """Of the next guess."""
        match = min(match, len(self._priors) - 1)
        return (self._right[match] + _PRIOR_WEIGHT * self._priors[match]) / (self._judged[match] + _PRIOR_WEIGHT)

    def chain(self, match: int, most: int) -> list[float]:
        """Of the next `most` guesses, that each and all before it are right."""
        chain, probability = [], 1.0
        for length in range(match, match + most):
            probability *= self.probability(length)
            chain.append(probability)
        return chain


class BatchCosts:
    """Seconds that batches of each size take."""

    def __init__(self) -> None:
        self._seconds: dict[int, deque[float]] = {}

    def observe(self, size: int, seconds: float) -> None:
        """A batch of `size` tokens took so long."""
        self._seconds.setdefault(size, deque(maxlen=_MEMORY)).append(seconds)

    def seconds(self, size: int) -> float | None:
        """The usual duration; None for a size that was not timed."""
        return median(self._seconds[size]) if size in self._seconds else None

    def ratio(self, size: int) -> float | None:
        """What a batch takes ÷ what a single token takes; None before a single one was timed.

        Of a size that was never timed, what it takes at the least, so that it is tried.
        """
        single = self.seconds(1)
        if single is None:
            return None
        timed = max(known for known in self._seconds if known <= size)
        return median(self._seconds[timed]) / single + _PRIOR_SLOPE * (size - timed)


class SpeculationGain:
    """What guesses have really gained in one answer, in the time of single tokens.

    The estimates of `best_length` may be wrong again and again: where the times of batches vary, or guesses fail in a
    way that their matches do not foresee. So what was really lost is added up, and ends that.
    """

    def __init__(self) -> None:
        self._tokens = 0  # of the answer
        self._lost = 0.0  # negative for a gain

    def observe(self, seconds: float, single: float) -> None:
        """One more token of the answer took so long: as long as its batch, or nothing where it was guessed.

        `single` is what a token alone usually takes.
        """
        self._tokens += 1
        self._lost += seconds / single - 1

    @property
    def is_loss(self) -> bool:
        """Whether more was lost than may be: the answer goes on without guesses, at least until it is longer."""
        return self._lost > max(_LEAST_LOSS, _LOSS_SHARE * self._tokens)


def best_length(chain: Sequence[float], costs: BatchCosts, sizes: Collection[int], guess_cost: float = 0.0) -> int:
    """How many guesses to evaluate with the next token; 0 for none.

    Args:
        chain: of each guess, the probability that it and all before it are right.
        costs: of the batches.
        sizes: of the batches that are possible.
        guess_cost: what making one guess takes ÷ what evaluating a single token takes.
    """
    best, best_gain, expected = 0, _LEAST_GAIN, 1.0  # the token itself is certain
    for length, probability in enumerate(chain, 1):
        expected += probability
        ratio = costs.ratio(length + 1) if length + 1 in sizes else None
        if ratio is not None and expected / (ratio + length * guess_cost) > best_gain:
            best, best_gain = length, expected / (ratio + length * guess_cost)
    return best
