"""Rules that an answer keeps or breaks, without anybody's judgement.

| type | keys | what it asks |
|---|---|---|
| number | value, tolerance (0) | the number that the answer ends in (`final_number`) |
| choice | choices, answer (a letter) | the choice that the answer names |
| exact | any | one of these texts, but for white space, marks around it and case |
| contains | all, any, none, longest | texts that stand in the answer, or do not; of at most so many characters |
| length | unit (characters, words, lines, sentences), min, max | how long it is |
| pattern | pattern, forbid (false) | a regular expression that is found, or is not |
| json | schema | a JSON value that follows the schema, alone or in a code block |
| code | tests, language ("python") | a program that passes the tests; run in `belle/evaluation/judge` |
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_args

from belle.clients.chat.schemas import schema_problem, schema_violation
from belle.documents import DocumentError, parse_json
from belle.evaluation.items.check_problem import CheckProblem
from belle.evaluation.items.final_number import final_number
from belle.evaluation.tasks.answer_rules import given_answer
from belle.evaluation.tasks.items import LETTERS, Item
from belle.texts import short_repr

Unit = Literal["characters", "words", "lines", "sentences"]

_PATTERN_SECONDS = 2.0
_LONGEST_PATTERN = 500
_CHINESE = r"\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CHINESE}]|[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"[。！？!?…]+|\.(?=\s|$)")
_EDGES = " \t\n.,:;!?\"'“”‘’()[]{}<>《》「」【】。、…*`，：；！？（）"


class CheckError(ValueError):
    """What is wrong with the description of a check: a clause that follows “its check ”."""


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """The answer ends in this number."""

    type: ClassVar[str] = "number"
    value: float
    tolerance: float = 0.0

    def problem(self, answer: str) -> str:
        """Why `answer` breaks the rule, a `CheckProblem`; "" where it keeps it."""
        expected, given = _digits(self.value), final_number(answer)
        if given is None:
            return CheckProblem("no_number", right=expected)
        number = float(given)
        right = abs(number - self.value) <= max(self.tolerance, 1e-9 * max(1.0, abs(self.value)))
        return "" if right else CheckProblem("wrong_number", given=_digits(number), right=expected)


@dataclass(frozen=True, slots=True)
class ChoiceCheck:
    """The answer names this choice."""

    type: ClassVar[str] = "choice"
    choices: tuple[str, ...]
    answer: str

    def problem(self, answer: str) -> str:
        """As `NumberCheck.problem`."""
        given = given_answer(Item("", "", self.answer, "", "", self.choices), answer)
        if given.right:
            return ""
        if not given.answer:
            return CheckProblem("no_choice", right=self.answer)
        return CheckProblem("wrong_choice", given=given.answer, right=self.answer)


@dataclass(frozen=True, slots=True)
class ExactCheck:
    """The answer is one of these texts."""

    type: ClassVar[str] = "exact"
    any: tuple[str, ...]

    def problem(self, answer: str) -> str:
        """As `NumberCheck.problem`."""
        wanted = {_bare(text) for text in self.any}
        return "" if _bare(answer) in wanted else CheckProblem("not_exact", right=self.any[0])


@dataclass(frozen=True, slots=True)
class ContainsCheck:
    """These texts stand in the answer, or do not.

    Attributes:
        longest: the characters of the answer, at most, so that one that tells everything does not tell the right thing.
    """

    type: ClassVar[str] = "contains"
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    longest: int | None = None

    def problem(self, answer: str) -> str:
        """As `NumberCheck.problem`."""
        text = _folded(answer)
        missing = [part for part in self.all if _folded(part) not in text]
        if missing:
            return CheckProblem("lacks", text=missing[0])
        if self.any and not [part for part in self.any if _folded(part) in text]:
            return CheckProblem("lacks_all", texts=", ".join(f"“{part}”" for part in self.any))
        unwanted = [part for part in self.none if _folded(part) in text]
        if unwanted:
            return CheckProblem("unwanted", text=unwanted[0])
        return LengthCheck(max=self.longest).problem(answer)


@dataclass(frozen=True, slots=True)
class LengthCheck:
    """The answer is so long. A Chinese character counts as a word; white space is no character."""

    type: ClassVar[str] = "length"
    unit: Unit = "characters"
    min: int = 0
    max: int | None = None

    def problem(self, answer: str) -> str:
        """As `NumberCheck.problem`."""
        n = length(answer, self.unit)
        if n < self.min:
            return CheckProblem(f"fewer_{self.unit}", n=n, limit=self.min)
        is_longer = self.max is not None and n > self.max
        return CheckProblem(f"more_{self.unit}", n=n, limit=self.max) if is_longer else ""


@dataclass(frozen=True, slots=True)
class PatternCheck:
    """A regular expression is found in the answer, or is not."""

    type: ClassVar[str] = "pattern"
    pattern: str
    forbid: bool = False

    def problem(self, answer: str) -> str:
        """As `NumberCheck.problem`."""
        import regex

        try:
            matches = regex.search(self.pattern, answer, timeout=_PATTERN_SECONDS) is not None
        except TimeoutError:
            return CheckProblem("pattern_slow", pattern=self.pattern, seconds=f"{_PATTERN_SECONDS:g}")
        if matches == (not self.forbid):
            return ""
        return CheckProblem("pattern_found" if matches else "pattern_missing", pattern=self.pattern)


@dataclass(frozen=True, slots=True)
class JsonCheck:
    """The answer is JSON that follows the schema; it may stand in a code block."""

    type: ClassVar[str] = "json"
    schema: Mapping[str, Any] = field(hash=False)

    def problem(self, answer: str) -> str:
        """As `NumberCheck.problem`."""
        try:
            value = parse_json(code_in(answer))
        except DocumentError as error:
            return CheckProblem("not_json", details=error.message)
        violation = schema_violation(value, self.schema)
        return "" if violation is None else CheckProblem("against_schema", details=violation.message[:200])


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """The program in the answer passes the tests."""

    type: ClassVar[str] = "code"
    tests: str
    language: str = "python"


RuleCheck = NumberCheck | ChoiceCheck | ExactCheck | ContainsCheck | LengthCheck | PatternCheck | JsonCheck
AnswerCheck = RuleCheck | CodeCheck


def parse_check(value: object) -> AnswerCheck:
    """The check that an object of an item file describes. Raises CheckError."""
    if not isinstance(value, dict):
        raise CheckError(f"is {short_repr(value)}, not an object")
    reader = _READERS.get(str(value.get("type")))
    if reader is None:
        raise CheckError(f"has the type {short_repr(value.get('type'))}; there are {', '.join(_READERS)}")
    keys, read = reader
    unknown = set(value) - {"type", *keys}
    if unknown:
        raise CheckError(f"{value['type']} has the unknown key {short_repr(min(unknown))}")
    return read(value)


def length(text: str, unit: Unit) -> int:
    """How long a text is."""
    match unit:
        case "characters":
            return len(re.sub(r"\s+", "", text))
        case "words":
            return len(_WORD.findall(text))
        case "lines":
            return sum(bool(line.strip()) for line in text.splitlines())
        case "sentences":
            return sum(bool(_WORD.search(part)) for part in _SENTENCE_END.split(text))


def code_in(answer: str) -> str:
    """The first fenced code block of a Markdown answer, also one that does not end; else all of it."""
    from markdown_it import MarkdownIt

    return next((token.content for token in MarkdownIt().parse(answer) if token.type == "fence"), answer)


def _number(value: Mapping[str, Any]) -> NumberCheck:
    return NumberCheck(_finite(value.get("value"), "value"), _finite(value.get("tolerance", 0), "tolerance"))


def _finite(value: object, name: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise CheckError(f"number has no {name} that is a number")
    return number


def _digits(number: float) -> str:
    """A number as people write it: all its digits, and no exponent."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def _choice(value: Mapping[str, Any]) -> ChoiceCheck:
    choices, answer = _texts(value, "choices"), value.get("answer")
    if not 2 <= len(choices) <= len(LETTERS):
        raise CheckError("choice has to have 2 to 26 choices")
    if not isinstance(answer, str) or len(answer) != 1 or answer not in LETTERS[: len(choices)]:
        raise CheckError(f"choice has the answer {short_repr(answer)}, which is not the letter of a choice")
    return ChoiceCheck(choices, answer)


def _exact(value: Mapping[str, Any]) -> ExactCheck:
    texts = _texts(value, "any")
    if not any(map(_bare, texts)):
        raise CheckError("exact names no text")
    return ExactCheck(texts)


def _contains(value: Mapping[str, Any]) -> ContainsCheck:
    longest = value.get("longest")
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int) or longest < 1):
        raise CheckError(f"contains has the longest {short_repr(longest)}, which is not a number of characters")
    check = ContainsCheck(_texts(value, "all"), _texts(value, "any"), _texts(value, "none"), longest)
    if not (check.all or check.any or check.none):
        raise CheckError("contains names no text")
    return check


def _length(value: Mapping[str, Any]) -> LengthCheck:
    unit, least, most = value.get("unit", "characters"), value.get("min", 0), value.get("max")
    if unit not in get_args(Unit):
        raise CheckError(f"length has the unit {short_repr(unit)}; there are {', '.join(get_args(Unit))}")
    for part in (least, 0 if most is None else most):
        if isinstance(part, bool) or not isinstance(part, int) or part < 0:
            raise CheckError(f"length has {short_repr(part)} where a whole number belongs")
    if (not least and most is None) or (most is not None and most < least):
        raise CheckError("length allows nothing or everything")
    return LengthCheck(unit, least, most)


def _pattern(value: Mapping[str, Any]) -> PatternCheck:
    import regex

    pattern, forbid = value.get("pattern"), value.get("forbid", False)
    if not isinstance(pattern, str) or not 0 < len(pattern) <= _LONGEST_PATTERN or not isinstance(forbid, bool):
        raise CheckError(f"pattern has no pattern of at most {_LONGEST_PATTERN} characters")
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise CheckError(f"pattern is not a regular expression: {error.msg}") from None
    return PatternCheck(pattern, forbid)


def _json(value: Mapping[str, Any]) -> JsonCheck:
    schema = value.get("schema")
    if not isinstance(schema, dict):
        raise CheckError("json has no schema")
    if problem := schema_problem(schema):
        raise CheckError(f"json has a schema that {problem}")
    return JsonCheck(schema)


def _code(value: Mapping[str, Any]) -> CodeCheck:
    tests, language = value.get("tests"), value.get("language", "python")
    if not isinstance(tests, str) or "assert" not in tests:
        raise CheckError("code has no tests, which are lines with assert")
    if language != "python":
        raise CheckError(f"code is in {short_repr(language)}; only python can be run")
    return CodeCheck(tests)


def _texts(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = value.get(name, [])
    if not isinstance(texts, Sequence) or isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise CheckError(f"{value['type']} has {name} that is not a list of texts")
    return tuple(texts)


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).casefold()


def _bare(text: str) -> str:
    return _folded(text).strip(_EDGES)


_READERS: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], AnswerCheck]]] = {
    "number": (("value", "tolerance"), _number),
    "choice": (("choices", "answer"), _choice),
    "exact": (("any",), _exact),
    "contains": (("all", "any", "none", "longest"), _contains),
    "length": (("unit", "min", "max"), _length),
    "pattern": (("pattern", "forbid"), _pattern),
    "json": (("schema",), _json),
    "code": (("tests", "language"), _code),
}
"""The keys of each type of check, and its reader."""
