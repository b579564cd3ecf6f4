"""An embedding model, and what it expects in front of a question and of a passage.

Retrieval models are trained with instructions, which their model cards state; without them they find less. A model that
is not in the table gets none, which is what most expect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BGE_EN = "Represent this sentence for searching relevant passages: "
_BGE_ZH = "为这个句子生成表示以用于检索相关文章："
_QWEN3 = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"

# Pattern of the name (lower case, words joined by hyphens); prefix of a question; prefix of a passage. The first that
# matches counts. From the model cards on the hub.
_INSTRUCTIONS = (
    (r"qwen3-embedding", _QWEN3, ""),
    (r"bge-m3", "", ""),
    (r"bge-.*zh", _BGE_ZH, ""),
    (r"bge-(small|base|large)", _BGE_EN, ""),
    (r"mxbai-embed", _BGE_EN, ""),
    (r"arctic-embed.*v2", "query: ", ""),
    (r"arctic-embed", _BGE_EN, ""),
    (r"\be5-", "query: ", "passage: "),
    (r"nomic-embed", "search_query: ", "search_document: "),
    (r"embedding-?gemma", "task: search result | query: ", "title: none | text: "),
)


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """An embedding model on this computer.

    Args:
        path: the GGUF.
        title: for people.
        identity: tells it from every other: vectors of two models cannot be compared.
    """

    path: Path
    title: str
    identity: str

    def question(self, text: str) -> str:
        """What is embedded for a question."""
        return self._instructions[0] + text

    def passage(self, text: str) -> str:
        """What is embedded for a passage."""
        return self._instructions[1] + text

    @property
    def _instructions(self) -> tuple[str, str]:
        # The name of the file, too: `general.name` is often only that of the folder that it was converted from.
        name = re.sub(r"[\s_]+", "-", f"{self.title} {self.path.stem}".lower())
        return next((row[1:] for row in _INSTRUCTIONS if re.search(row[0], name)), ("", ""))
