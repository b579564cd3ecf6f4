"""Why an answer breaks a rule: a clause in English, and its parts, for a page that says it in another language.

A clause follows “the answer ”, or “the program ”.
"""

from __future__ import annotations

from collections.abc import Mapping

CLAUSES: Mapping[str, str] = {
    "no_number": "names no number, {right} is right",
    "wrong_number": "says {given}, {right} is right",
    "no_choice": "chooses nothing, {right} is right",
    "wrong_choice": "chooses {given}, {right} is right",
    "not_exact": "is not “{right}”",
    "lacks": "does not have “{text}”",
    "lacks_all": "has none of {texts}",
    "unwanted": "has “{text}”",
    "fewer_characters": "has {n} characters, fewer than {limit}",
    "fewer_words": "has {n} words, fewer than {limit}",
    "fewer_lines": "has {n} lines, fewer than {limit}",
    "fewer_sentences": "has {n} sentences, fewer than {limit}",
    "more_characters": "has {n} characters, more than {limit}",
    "more_words": "has {n} words, more than {limit}",
    "more_lines": "has {n} lines, more than {limit}",
    "more_sentences": "has {n} sentences, more than {limit}",
    "pattern_found": "has {pattern} in it",
    "pattern_missing": "does not have {pattern} in it",
    "pattern_slow": "cannot be searched for {pattern} within {seconds} s",
    "not_json": "{details}",
    "against_schema": "does not follow the schema: {details}",
    "program_long": "has more than {limit} characters",
    "program_slow": "did not end within {seconds} s",
    "program_fails": "fails: {details}",
    "program_ends": "ends before its tests do",
}
"""Each with the parts that stand in it."""


class CheckProblem(str):
    """The clause, in English.

    Args:
        key: of `CLAUSES`.
        parts: that stand in it.

    Attributes:
        key: its key.
        parts: by name.
    """

    __slots__ = ("key", "parts")

    key: str
    parts: Mapping[str, str]

    def __new__(cls, key: str, **parts: object) -> CheckProblem:
        texts = {name: str(part) for name, part in parts.items()}
        problem = super().__new__(cls, CLAUSES[key].format(**texts))
        problem.key, problem.parts = key, texts
        return problem

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """A copy is the clause alone."""
        return str, (str(self),)
