"""Recalls answers of other conversations that go with a question: candidates from a store, ranked by BM25."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from belle.dialogue.conversation import Example
from belle.search.bm25 import Bm25

MOST_EXAMPLES = 3

Candidates = Callable[[str], Sequence[Example]]
"""Finds more than are needed, in any order."""


def nearest(candidates: Candidates, question: str, most: int = MOST_EXAMPLES) -> list[Example]:
    """The candidates whose words are nearest to a question's, the best first."""
    found = candidates(question)
    index = Bm25([f"{example.question}\n{example.answer}" for example in found])
    return [found[ranked.index] for ranked in index.best(question, most)]
