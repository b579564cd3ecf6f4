"""Cutting a prompt into chunks: small enough to stop in between and to show progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from belle.engine.llama.context import N_BATCH

_CHUNK_S = 0.2
_FIRST_CHUNK = 16
# In batches of whole multiples of this many tokens llama.cpp's kernels compute a token bit by bit alike. So the size of
# the chunks, which depends on measured times, does not change the answer.
_GRAIN = 8


class PrefillChunker:
    """Cuts prompts into chunks of about 0.2 s. Keeps the speed from one prompt to the next.

    `tokens_per_s` is None before the first chunk was timed.
    """

    def __init__(self) -> None:
        self.tokens_per_s: float | None = None

    def chunk_size(self, remaining: int, most: int = N_BATCH) -> int:
        """How many of the `remaining` tokens of a prompt to read next, at most `most`; the last token alone.

        The first token of the answer is sampled from its logits. Alone it is computed just as when everything before
        it comes from the KV cache, so the same seed gives the same text in both cases.
        """
        return self._size(remaining - 1, most) if remaining > 1 else remaining

    def whole_chunks(self, tokens: Sequence[int], start: int) -> Iterator[Sequence[int]]:
        """The tokens from `start` on as far as they make whole grains from the first: those that are cut alike
        whatever comes after them."""
        end = len(tokens) // _GRAIN * _GRAIN
        while start < end:
            # What was in the cache before may end within a grain.
            size = _GRAIN - start % _GRAIN if start % _GRAIN else self._size(end - start, N_BATCH)
            yield tokens[start : start + size]
            start += size

    def learn(self, seconds: float, n_tokens: int) -> None:
        """It took `seconds` to evaluate a chunk."""
        if n_tokens >= _GRAIN:
            speed = n_tokens / max(seconds, 1e-9)
            self.tokens_per_s = speed if self.tokens_per_s is None else (self.tokens_per_s + speed) / 2

    def seconds_left(self, n_tokens: int) -> float | None:
        """An estimate for `n_tokens` more; None before the first chunk was timed."""
        return n_tokens / self.tokens_per_s if self.tokens_per_s else None

    def _size(self, remaining: int, most: int) -> int:
        """As many as the speed allows, in whole grains; a rest of less than a grain joins the last one."""
        if remaining < 2 * _GRAIN:
            return remaining
        rest = remaining % _GRAIN
        whole = remaining - _GRAIN - rest if rest else remaining
        wanted = _FIRST_CHUNK if self.tokens_per_s is None else int(self.tokens_per_s * _CHUNK_S)
        return max(_GRAIN, min(wanted, whole, most) // _GRAIN * _GRAIN)
