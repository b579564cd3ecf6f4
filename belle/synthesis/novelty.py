"""Whether a question is new: no near duplicate of a seed, nor of any other that was taken before.

Questions are short, and one word makes the difference between two of a kind (“写一首春天的诗”, “写一首秋天的诗”). So
what is compared are runs of two and three words (a Chinese character counting as a word), by their Jaccard similarity.
Self-instruct compares by ROUGE-L with all that it has; this finds nearly the same pairs in time that does not grow with
their number. The index of `belle.data.duplicates` has runs of four characters for features: written with two
characters for each word, they are runs of two and of three words.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from belle.data.duplicates.index import DuplicateIndex

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")
_FIRST, _COUNT = 0x4E00, 20_000
"""Ideographs that stand for words: the index normalises texts, and leaves these as they are."""

NEAR = 0.4
"""The similarity from which on two questions are near duplicates."""


class SeenQuestions:
    """Questions, to be asked whether another one is like one of them. A million take about 0.6 GB of memory.

    Args:
        threshold: the similarity from which on two are near duplicates, above 0…1.
    """

    def __init__(self, threshold: float = NEAR) -> None:
        self._index = DuplicateIndex(threshold)

    def __len__(self) -> int:
        return len(self._index)

    def add(self, question: str) -> bool:
        """Take a question, unless it is a near duplicate of an earlier one. Returns whether it was new."""
        return self._index.add(in_pairs(question)) is None


def in_pairs(text: str) -> str:
    """Each word of `text` as two ideographs; equal words have equal ones."""
    words = words_of(text)
    return "".join(map(_pair, words)) if words else text


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case; each Chinese character is one."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


@lru_cache(maxsize=1 << 16)
def _pair(word: str) -> str:
    digest = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    high, low = divmod(digest % (_COUNT * _COUNT), _COUNT)
    return chr(_FIRST + high) + chr(_FIRST + low)
