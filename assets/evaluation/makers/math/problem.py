"""Word problems: a text with numbers to be drawn, and the formula of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from assets.evaluation.makers.draft import Draft, Language, number, plain

_DRAWS = 100_000
_ENDINGS: dict[Language, Sequence[str]] = {
    "zh": (
        "最后一行写“答案：”和这个数。",
        "把结果写在“答案：”后面。",
        "可以写过程，最后用“答案：”给出数字。",
        "算完后另起一行写“答案：”和结果。",
    ),
    "en": (
        'End with "Answer:" and the number.',
        'Put the result after "Answer:" on the last line.',
        'Show your working if you like, then write "Answer:" and the result.',
    ),
}
"""Where the answer is looked for is said, so that a check of it at the end does not count as the answer."""
_ANSWER: dict[Language, str] = {"zh": "答案：", "en": "Answer: "}
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of which several instances can be made.

    Attributes:
        ask: the question; `{a}` stands for a number that is drawn.
        solve: the reference; `{x}` stands for the answer.
        draw: the values that each letter may have.
        answer: the answer, computed from the letters, which are its parameters.
        where: what the letters have to fulfil, so that the answer comes out even.
        digits: the decimals that the question asks for; the answer may differ by half of the last one.
        times: how many instances are made.
    """

    ask: str
    solve: str
    draw: dict[str, Sequence[Any]]
    answer: Callable[..., float]
    where: Callable[..., bool] | None = None
    digits: int | None = None
    times: int = 1

    def drafts(self, language: Language, seed: str) -> list[Draft]:
        """The instances. Raises ValueError if no draw fulfils `where`."""
        rng = Random(f"{seed}:{self.ask}")  # noqa: S311 - not a secret
        drawn: list[Values] = []
        for _ in range(_DRAWS):
            values = {letter: rng.choice(choices) for letter, choices in self.draw.items()}
            if values not in drawn and (self.where is None or self.where(**values)) and not self._is_told(values):
                drawn.append(values)
            if len(drawn) == self.times:
                return [self._draft(language, values) for values in drawn]
        raise ValueError(f"no numbers fit “{self.ask}”")

    def _is_told(self, values: Values) -> bool:
        """Whether the answer stands in the question, so that an echo would be right."""
        told = re.findall(r"\d+(?:\.\d+)?", self.ask.format(**values))
        return float(self.answer(**values)) in map(float, told)

    def _draft(self, language: Language, values: Values) -> Draft:
        result = self.answer(**values)
        if self.digits is None and isinstance(result, float):
            if abs(result - round(result, 4)) > 1e-9:
                raise ValueError(f"{result} is not even: {self.ask} {values}")
            result = round(result) if abs(result - round(result)) < 1e-9 else round(result, 4)
        tolerance = 0.0 if self.digits is None else 0.5001 * 10.0**-self.digits
        shown = plain(result) if self.digits is None else f"{result:.{self.digits}f}"
        texts = {letter: plain(value) if isinstance(value, int | float) else value for letter, value in values.items()}
        check = number(result if self.digits is None else round(result, 6), tolerance)
        question, reference = self.ask.format(**texts), self.solve.format(x=shown, **texts)
        if "只写" not in question:
            separator = "" if language == "zh" else " "
            question += separator + Random(question).choice(_ENDINGS[language])  # noqa: S311 - not a secret
            reference += f"\n{_ANSWER[language]}{shown}"
        return Draft(language, question, reference, checks=[check])


def span(first: int, last: int, step: int = 1) -> range:
    """The whole numbers from `first` to `last`, both included."""
    return range(first, last + 1, step)
