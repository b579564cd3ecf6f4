"""Answers of other conversations: recalled as examples, and searched by a tool. Ranked by BM25."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from belle.dialogue.conversation import Example, Recall
from belle.dialogue.tools.search import SearchResult, search_tool
from belle.dialogue.tools.tool import Tool
from belle.search.bm25 import Bm25

MOST_EXAMPLES = 3


class SavedAnswerLike(Protocol):
    """An answer of another conversation."""

    @property
    def title(self) -> str:
        """Of the conversation."""

    @property
    def question(self) -> str:
        """What was asked."""

    @property
    def answer(self) -> str:
        """What was answered."""


SavedAnswers = Callable[[str], Sequence[SavedAnswerLike]]
"""Finds saved answers that may have to do with a text: more than are needed, in any order."""


def nearest(examples: Sequence[Example], question: str, most: int = MOST_EXAMPLES) -> list[Example]:
    """The examples whose words are nearest to a question's, the best first."""
    index = Bm25([f"{example.question}\n{example.answer}" for example in examples])
    return [examples[ranked.index] for ranked in index.best(question, most)]


def recall_of(saved: SavedAnswers) -> Recall:
    """Recalls saved answers as examples."""
    return lambda question: nearest([Example(one.question, one.answer) for one in saved(question)], question)


def chats_tool(saved: SavedAnswers) -> Tool:
    """The tool `chats`, which searches saved answers."""

    def find(query: str) -> list[SearchResult]:
        titles = {Example(one.question, one.answer): one.title for one in saved(query)}
        return [
            SearchResult(titles[example], f"{example.question} → {example.answer}")
            for example in nearest(list(titles), query)
        ]

    return search_tool("chats", find)
