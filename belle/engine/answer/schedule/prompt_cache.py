"""What was read for earlier requests, and is read for others now: no prompt is read that is known.

A request finds its beginning in three places: in a sequence that still holds what was answered before, in one in use,
which can share its cells, or in memory, where goes what has to make room in the context. Those copies are for clients
that say of no request which conversation it belongs to (those that do have `kv_states`). To put one back takes
a thousandth of the time of reading its tokens anew. It comes back exactly as it was, to the same cells, so that an
answer is the same word for word however many conversations take turns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belle.engine.answer.kv_states import FEWEST_TOKENS
from belle.engine.llama.context import Context
from belle.engine.llama.kv_sequence import KvSequence, shared_length


class PromptCache:
    """Gives each request a sequence with what is known of its prompt. The least recently used states leave when memory
    is short.

    Args:
        context: whose sequences they are.
        budget: bytes for states outside of it; 0 for none.
    """

    def __init__(self, context: Context, budget: int) -> None:
        self._context = context
        self._budget = budget
        self._states: OrderedDict[tuple[int, ...], NDArray[np.uint8]] = OrderedDict()
        self._idle = list(context.sequences)  # least recently used first

    def take(self, tokens: Sequence[int]) -> KvSequence:
        """A sequence for a request, with as much of the beginning of `tokens` as is known, and nothing else."""
        sequence = max(self._idle, key=lambda idle: (shared_length(idle.tokens, tokens), not idle.tokens))
        self._idle.remove(sequence)
        self.clear_idle()
        self._bring(sequence, tokens)
        self._context.straighten(sequence)
        sequence.keep_prefix(tokens)
        return sequence

    def give_back(self, sequence: KvSequence) -> None:
        """A request has ended, or gives way. What it has read can be taken again."""
        self._idle.append(sequence)

    def extend(self, sequence: KvSequence, tokens: Sequence[int]) -> int:
        """Take over what another request has read of `tokens` since `take`; the number of tokens gained."""
        before = len(sequence.tokens)
        lender, lent = self._lender(tokens)
        if lender is None or lender is sequence or lent <= before:
            return 0
        sequence.take_prefix(lender, lent)
        return len(sequence.tokens) - before

    def clear_idle(self) -> bool:
        """Make room in the context: move there what no request uses into memory. False when there is nothing."""
        filled = [sequence for sequence in self._idle if sequence.tokens]
        for sequence in filled:
            self._keep(sequence)
            sequence.cut(0)
        return bool(filled)

    def _bring(self, sequence: KvSequence, tokens: Sequence[int]) -> None:
        """Replace an idle sequence by what has more of `tokens`, if anything has."""
        here = shared_length(sequence.tokens, tokens)
        lender, lent = self._lender(tokens)
        state = max(self._states, key=lambda other: shared_length(other, tokens), default=())
        stored = shared_length(state, tokens)
        if len(sequence.tokens) - here >= FEWEST_TOKENS:
            self._keep(sequence)
        if lender is not None and lent > here and lent + FEWEST_TOKENS > stored:
            sequence.take_prefix(lender, lent)
        elif stored - here >= FEWEST_TOKENS and state in self._states:
            sequence.restore_snapshot(self._states[state], state)
            self._states.move_to_end(state)

    def _lender(self, tokens: Sequence[int]) -> tuple[KvSequence | None, int]:
        """The sequence in use that has most of `tokens`, and how many."""
        used = (sequence for sequence in self._context.sequences if sequence not in self._idle)
        lender = max(used, key=lambda one: one.lends(tokens), default=None)
        return lender, lender.lends(tokens) if lender else 0

    def _keep(self, sequence: KvSequence) -> None:
        """Copy what a sequence holds into memory, where there is room for it."""
        tokens, size = tuple(sequence.tokens), sequence.state_bytes
        if len(tokens) < FEWEST_TOKENS or tokens in self._states or size > self._budget:
            return
        # What is the beginning of this one comes back with it.
        for other in [other for other in self._states if tokens[: len(other)] == other]:
            del self._states[other]
        while self._states and sum(map(len, self._states.values())) + size > self._budget:
            self._states.popitem(last=False)
        self._states[tokens] = sequence.snapshot()
