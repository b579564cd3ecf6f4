"""Ranks texts by how well their words answer a query: Okapi BM25 (Robertson and Zaragoza 2009, equation 3.15)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from belle.search.terms import index_terms, query_terms

_K1, _B = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Ranked:
    """A text's place among those that were given, and its score, which is above 0."""

    index: int
    score: float


class Bm25:
    """An index of `texts` in memory."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(index_terms(text).split()) for text in texts]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean_length = sum(self._lengths) / max(len(texts), 1) or 1.0
        self._frequency = Counter(term for counts in self._counts for term in counts)

    def best(self, query: str, most: int) -> list[Ranked]:
        """The texts that share words with `query`, the best first, at most `most`."""
        terms = [term.removesuffix("*") for term in query_terms(query)]
        scored = [Ranked(index, self._score(index, terms)) for index in range(len(self._counts))]
        found = [ranked for ranked in scored if ranked.score > 0]
        return sorted(found, key=lambda ranked: -ranked.score)[:most]

    def _score(self, index: int, terms: Sequence[str]) -> float:
        counts = self._counts[index]
        norm = _K1 * (1 - _B + _B * self._lengths[index] / self._mean_length)
        return sum(self._weight(term) * counts[term] * (_K1 + 1) / (counts[term] + norm) for term in terms)

    def _weight(self, term: str) -> float:
        n, frequency = len(self._counts), self._frequency[term]
        return math.log(1 + (n - frequency + 0.5) / (frequency + 0.5))
