"""Questions with known answers, which `belle measure --tasks` asks every model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from belle.errors import KnownError

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Kind = Literal["choice", "exact", "free"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Item:
    """A question.

    Attributes:
        answer: the letter of the right choice, or the text that is asked for.
        language: "zh" or "en"; that of the words around the question in the prompt.
        choices: their texts, A first; empty where the answer is a text.
        free: `answer` is one of many right answers: its likelihood is measured, but a generated answer is not judged.
    """

    id: str
    question: str
    answer: str
    category: str
    language: str
    choices: tuple[str, ...] = ()
    free: bool = False

    @property
    def kind(self) -> Kind:
        """How it is scored."""
        return "choice" if self.choices else "free" if self.free else "exact"

    @property
    def letters(self) -> str:
        """The letters of its choices."""
        return LETTERS[: len(self.choices)]

    @property
    def answer_text(self) -> str:
        """The text of the right answer."""
        return self.choices[LETTERS.index(self.answer)] if self.choices else self.answer


@dataclass(frozen=True, slots=True)
class ItemSet:
    """Items, and examples of how they are answered.

    Attributes:
        name: of the file or folder.
        sha256: of everything that was read.
        examples: solved items by category, to be shown before a question; empty where the files have none.
        left_out: the number of rows without an answer to compare with.
    """

    name: str
    sha256: str
    items: Sequence[Item]
    examples: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    left_out: int = 0

    def limited(self, n: int) -> ItemSet:
        """At most `n` of the items, evenly spread over all; 0 for all of them."""
        total = len(self.items)
        if not 0 < n < total:
            return self
        return replace(self, items=[self.items[i * total // n] for i in range(n)])

    def examples_for(self, item: Item, n: int) -> Sequence[Item]:
        """The first `n` examples of the item's category. Raises KnownError("no_examples") when there are fewer."""
        known = self.examples.get(item.category, ())
        if len(known) < n:
            raise KnownError(
                "no_examples",
                f"{self.name} has {len(known)} examples of “{item.category}”, {n} are asked for.",
                "Ask for fewer with --shots. Examples are read from the folder dev beside test or val, or from lines "
                'with "split": "dev".',
                category=item.category,
                found=len(known),
            )
        return known[:n]

    def counts(self) -> dict[str, int]:
        """Items per category, in the order in which the categories first occur."""
        return dict(Counter(item.category for item in self.items))


def language_of(text: str) -> str:
    """ "zh" where Chinese characters occur, else "en"."""
    return "zh" if _CHINESE.search(text) else "en"
