"""Choosing the next token: a chain of llama.cpp's own samplers, in llama.cpp's own order.

penalties → top-k → top-p → min-p → temperature → draw; with temperature 0, penalties → the likeliest. The logits are
never copied to Python. The repeat penalty counts the answer alone, not the prompt: repeating a word of the question is
usually right, and so the same seed gives the same answer however long the history is.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import llama_cpp.llama_cpp as llama

from belle.engine.answer.grammar import Grammar
from belle.engine.process.commands import Sampling
from belle.errors import KnownError

_MIN_KEEP = 1


class Sampler:
    """A sampler chain. To be closed, or used in a `with` statement. `seed` is the one in use, drawn or given.

    Args:
        settings: see `Sampling`.
        n_vocab: size of the vocabulary.
        grammar: what the answer has to follow, from `follow_grammar` on; closed with the sampler.

    Raises KnownError("bad_sampling") when a number is out of its range.
    """

    def __init__(self, settings: Sampling, n_vocab: int, grammar: Grammar | None = None) -> None:
        _check(settings)
        self._grammar, self._follows = grammar, False
        # 31 bits: for 0xFFFFFFFF (LLAMA_DEFAULT_SEED) llama.cpp would draw another seed and not tell.
        self.seed = secrets.randbits(31) if settings.seed is None else settings.seed & 0x7FFFFFFF
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for sampler in _samplers(settings, self.seed, n_vocab):
            llama.llama_sampler_chain_add(self._chain, sampler)

    def accept(self, tokens: Sequence[int]) -> None:
        """Count `tokens` as sampled (for the penalties): the beginning of an answer that is continued."""
        for token in tokens:
            llama.llama_sampler_accept(self._chain, token)

    def follow_grammar(self) -> None:
        """Draw only what the grammar allows from now on."""
        self._follows = True

    def sample(self, context: llama.llama_context_p, row: int) -> int:
        """The next token, by the logits in a row of the last batch. Raises KnownError("grammar_stuck")."""
        if self._grammar is not None and self._follows:
            return self._grammar.sample(self._chain, context, row)
        token: int = llama.llama_sampler_sample(self._chain, context, row)
        return token

    def close(self) -> None:
        """Free the chain and the samplers in it."""
        if self._grammar is not None:
            self._grammar.close()
        if self._chain is not None:
            llama.llama_sampler_free(self._chain)
            self._chain = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _samplers(settings: Sampling, seed: int, n_vocab: int) -> list[llama.llama_sampler_p]:
    chain = []
    penalties = settings.repeat_penalty, settings.frequency_penalty, settings.presence_penalty
    if penalties != (1.0, 0.0, 0.0) and settings.repeat_last_n > 0:
        chain.append(llama.llama_sampler_init_penalties(n_vocab, settings.repeat_last_n, *penalties))
    if settings.temperature == 0:
        return [*chain, llama.llama_sampler_init_greedy()]
    if settings.top_k > 0:
        chain.append(llama.llama_sampler_init_top_k(settings.top_k))
    if settings.top_p < 1.0:
        chain.append(llama.llama_sampler_init_top_p(settings.top_p, _MIN_KEEP))
    if settings.min_p > 0.0:
        chain.append(llama.llama_sampler_init_min_p(settings.min_p, _MIN_KEEP))
    return [*chain, llama.llama_sampler_init_temp(settings.temperature), llama.llama_sampler_init_dist(seed)]


def _check(settings: Sampling) -> None:
    """Raise KnownError for numbers out of range: llama.cpp does not check them, and some would end the process."""
    ranges = {
        "temperature": (settings.temperature, 0.0, 100.0),
        "top_k": (settings.top_k, 0, 1 << 30),
        "top_p": (settings.top_p, 0.0, 1.0),
        "min_p": (settings.min_p, 0.0, 1.0),
        "repeat_penalty": (settings.repeat_penalty, 0.01, 100.0),
        "repeat_last_n": (settings.repeat_last_n, 0, 1 << 20),
        "presence_penalty": (settings.presence_penalty, -100.0, 100.0),
        "frequency_penalty": (settings.frequency_penalty, -100.0, 100.0),
    }
    for name, (value, low, high) in ranges.items():
        if not math.isfinite(value) or not low <= value <= high:
            raise KnownError(
                "bad_sampling",
                f"The sampling setting {name} is {value}; it must lie between {low} and {high}.",
                "Set it back to its default.",
                name=name,
                value=str(value),
            )
        if isinstance(low, int) and not isinstance(value, int):
            raise KnownError(
                "bad_sampling",
                f"The sampling setting {name} is {value}; it must be a whole number.",
                "Set it back to its default.",
                name=name,
                value=str(value),
            )
