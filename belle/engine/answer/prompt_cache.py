"""Conversations that take turns: what one displaces from the context is kept in memory, and comes back with it.

For clients that say of no request which conversation it belongs to; those that do have `kv_states`. The context holds
one sequence of tokens. When a prompt shares too little with it, what is there is copied out first
(a memory copy, where reading the tokens anew takes a thousand times as long), and of all that was copied out, the state
that shares most with the prompt is put in its place. A state comes back exactly as it was, to the same cells, so that
an answer is the same word for word however many conversations there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belle.engine.answer.kv_states import FEWEST_TOKENS
from belle.engine.llama.context import Context, shared_length


class PromptCache:
    """The context, and the states of other conversations. The least recently used leave when memory is short.

    Args:
        context: holds the conversation that is answered.
        budget: bytes for the states of others; 0 for none.
    """

    def __init__(self, context: Context, budget: int) -> None:
        self._context = context
        self._budget = budget
        self._states: OrderedDict[tuple[int, ...], NDArray[np.uint8]] = OrderedDict()
        self._size = 0

    def keep_prefix(self, tokens: Sequence[int]) -> int:
        """Bring as much of the beginning of `tokens` into the context as is known; the number of tokens that is."""
        if self._budget:
            self._exchange(tokens)
        return self._context.keep_prefix(tokens)

    def _exchange(self, tokens: Sequence[int]) -> None:
        here = self._context.tokens
        shared = shared_length(here, tokens)
        known = max(self._states, key=lambda other: shared_length(other, tokens), default=())
        best = shared_length(known, tokens)
        if len(here) - shared >= FEWEST_TOKENS:
            self._keep(tuple(here))
        if best - shared >= FEWEST_TOKENS and known in self._states:
            self._context.restore_snapshot(self._states[known], known)
            self._states.move_to_end(known)

    def _keep(self, tokens: tuple[int, ...]) -> None:
        size = self._context.state_bytes
        if tokens in self._states or size > self._budget:
            return
        # What is the beginning of this one comes back with it.
        for other in [other for other in self._states if tokens[: len(other)] == other]:
            self._size -= len(self._states.pop(other))
        while self._states and self._size + size > self._budget:
            self._size -= len(self._states.popitem(last=False)[1])
        self._states[tokens] = self._context.snapshot()
        self._size += len(self._states[tokens])
