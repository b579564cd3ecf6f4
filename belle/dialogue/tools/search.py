"""Tools that search: in texts that a person has given, and in what a search function finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from belle.dialogue.language import Language
from belle.dialogue.tools.tool import Tool, ToolError
from belle.search.bm25 import Bm25

MOST_HITS = 4
_PASSAGE = 500
"""Characters of a passage, about."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A text that was found, and where it is from."""

    source: str
    text: str


Find = Callable[[str], Sequence[SearchResult]]

_USAGE: Mapping[str, dict[Language, str]] = {
    "documents": {
        "en": "search in the person's documents, such as notice period",
        "zh": "在用户的文档中搜索，例如 解约期限",
    },
    "chats": {
        "en": "search in the person's earlier conversations, such as holiday plans",
        "zh": "在用户以前的对话中搜索，例如 旅行计划",
    },
}


def search_tool(name: str, find: Find) -> Tool:
    """A tool `documents` or `chats` that tells what `find` finds."""

    def run(query: str) -> str:
        if not query:
            raise ToolError("The query is empty. Write the words to search for.")
        found = find(query)[:MOST_HITS]
        if not found:
            raise ToolError(f"Nothing was found for “{query}”. Try other words, or go on without.")
        return "\n".join(f"({number}) {one.source}: {_short(one.text)}" for number, one in enumerate(found, 1))

    return Tool(name, _USAGE[name], run)


class TextSearch:
    """Finds passages of texts, given as name → text, by their words."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._passages = [SearchResult(name, part) for name, text in texts.items() for part in passages(text)]

    @cached_property
    def _index(self) -> Bm25:
        return Bm25([passage.text for passage in self._passages])

    def find(self, query: str) -> list[SearchResult]:
        """The best passages, the best first."""
        return [self._passages[ranked.index] for ranked in self._index.best(query, MOST_HITS)]


def passages(text: str) -> list[str]:
    """A text in pieces of about 500 characters, which begin at a paragraph, or else at a line or a sentence."""
    pieces: list[str] = []
    for part in _parts(text):
        if pieces and len(pieces[-1]) + len(part) < _PASSAGE:
            pieces[-1] += f"\n{part}"
        else:
            pieces.append(part)
    return pieces


def _parts(text: str) -> list[str]:
    sentences = re.split(r"\n\s*\n|\n|(?<=[。！？])|(?<=[.!?]) ", text)
    parts = [sentence.strip() for sentence in sentences if sentence.strip()]
    return [part[at : at + _PASSAGE] for part in parts for at in range(0, len(part), _PASSAGE)]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _PASSAGE else f"{line[:_PASSAGE]} …"
