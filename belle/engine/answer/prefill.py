"""Reading a prompt in chunks small enough to be stopped and to show how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from belle.engine.llama.context import N_BATCH

_CHUNK_S = 0.2
_FIRST_CHUNK = 16
# llama.cpp computes a token alike in all chunks of whole multiples of this, so that the timing of the chunks does not
# change the answer.
_GRAIN = 8


class PrefillChunker:
    """Cuts prompts into chunks of about 0.2 s. Keeps the speed from one prompt to the next.

    `tokens_per_s` is None before the first chunk was timed.
    """

    def __init__(self) -> None:
        self.tokens_per_s: float | None = None

    def chunks(self, tokens: Sequence[int]) -> Iterator[Sequence[int]]:
        """The tokens in chunks; the last token stands alone.

        That token is the one the answer begins from. Alone it is computed as it is when all before it was in the KV
        cache already, so that the same seed gives the same text in both cases.
        """
        body = len(tokens) - 1
        start = 0
        while start < body:
            end = start + self._size(body - start)
            yield tokens[start:end]
            start = end
        yield tokens[body:]

    def timed(self, evaluate: Callable[[Sequence[int]], None], chunk: Sequence[int]) -> float:
        """Evaluate a chunk; the seconds per token that it took."""
        start = perf_counter()
        evaluate(chunk)
        seconds = (perf_counter() - start) / len(chunk)
        if len(chunk) >= _GRAIN:
            speed = 1 / max(seconds, 1e-9)
            self.tokens_per_s = speed if self.tokens_per_s is None else (self.tokens_per_s + speed) / 2
        return seconds

    def seconds_left(self, n_tokens: int) -> float | None:
        """An estimate for the tokens that are still to be read."""
        return n_tokens / self.tokens_per_s if self.tokens_per_s else None

    def _size(self, remaining: int) -> int:
        """What the speed allows, but whole grains, and an odd rest goes with the last grain, whatever the speed."""
        if remaining < 2 * _GRAIN:
            return remaining
        rest = remaining % _GRAIN
        most = remaining - _GRAIN - rest if rest else remaining
        wanted = _FIRST_CHUNK if self.tokens_per_s is None else int(self.tokens_per_s * _CHUNK_S)
        return max(_GRAIN, min(wanted, most, N_BATCH) // _GRAIN * _GRAIN)
