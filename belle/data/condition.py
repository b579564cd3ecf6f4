"""Conditions on the columns of a record, in a small language: `judge >= 0.7 and (labels.scene == "train" or not cut)`.

expression  = term { "or" term }
term        = factor { "and" factor }
factor      = "not" factor | "(" expression ")" | "has" column | column [ operator value ]
operator    = "==" | "=" | "!=" | "<" | "<=" | ">" | ">="
column      = name { "." name }
value       = number | text in quotes | true | false | null

A column by itself holds where it is true. A comparison with a column that the record lacks, or that has a value of
another kind, does not hold, whatever the operator. Nothing of it is run as a program.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from belle.errors import KnownError

_Holds = Callable[[Mapping[str, Any]], bool]
ColumnName = tuple[str, ...]
"""The keys that lead to it: several where a column has columns of its own."""
Scalar = str | float | bool | None

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator>==|!=|<=|>=|=|<|>)
    |(?P<mark>[()])
    |(?P<name>[^\W\d][\w-]*(?:\.[\w-]+)*))""",
    re.VERBOSE,
)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUALITY = (operator.eq, operator.ne)
_CONSTANTS: Mapping[str, Scalar] = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({"and", "or", "not", "has", *_CONSTANTS})
_DEEPEST = 50
_LONGEST = 10_000
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read.

    Attributes:
        holds: whether a record holds it.
        columns: that it asks for, in its order.
    """

    holds: _Holds
    columns: Sequence[ColumnName]

    def missing(self, record: Mapping[str, Any]) -> list[ColumnName]:
        """The columns that a record lacks."""
        return [column for column in self.columns if _value(record, column) is _MISSING]


def parse_condition(text: str) -> Condition:
    """The condition that `text` writes. Raises KnownError ("bad_condition"), which says where it breaks off."""
    try:
        parser = _Parser(_tokens(text))
        return Condition(parser.parse(), list(dict.fromkeys(parser.columns)))
    except _ConditionError as error:
        where = f", at character {error.position + 1}" if error.position < len(text) else ""
        message = f"The condition “{text[:200]}” cannot be read{where}: {error}."
        raise KnownError("bad_condition", message, "Such as: judge >= 0.7 and agreement >= 0.5") from None


class _ConditionError(ValueError):
    """What is wrong: a clause. Args: position: the character, from 0 on."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


_Token = tuple[str, str, int]
"""Kind, text, and where it begins; the kind `end` comes last."""


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LONGEST:
        raise _ConditionError(f"it is longer than {_LONGEST:,} characters", len(text))
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise _ConditionError(f"“{text[start : start + 20]}” is not part of a condition", start)
        tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return [*tokens, ("end", "", len(text))]


class _Parser:
    """Reads an expression by recursive descent. Attributes: columns: that were named so far."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self.columns: list[ColumnName] = []

    def parse(self) -> _Holds:
        condition = self._expression()
        kind, text, position = self._tokens[self._index]
        if kind != "end":
            raise _ConditionError(f"“{text}” comes where “and” or “or” should be", position)
        return condition

    def _expression(self) -> _Holds:
        parts = [self._term()]
        while self._takes("name", "or"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda record: any(part(record) for part in parts)

    def _term(self) -> _Holds:
        parts = [self._factor()]
        while self._takes("name", "and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else lambda record: all(part(record) for part in parts)

    def _factor(self) -> _Holds:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _ConditionError("it is nested too deep", self._tokens[self._index][2])
        try:
            if self._takes("name", "not"):
                inner = self._factor()
                return lambda record: not inner(record)
            if self._takes("mark", "("):
                inner = self._expression()
                if not self._takes("mark", ")"):
                    raise _ConditionError("“)” is missing", self._tokens[self._index][2])
                return inner
            return self._presence() if self._takes("name", "has") else self._comparison()
        finally:
            self._depth -= 1

    def _presence(self) -> _Holds:
        column = self._column()
        return lambda record: _value(record, column) is not _MISSING

    def _comparison(self) -> _Holds:
        column = self._column()
        if self._tokens[self._index][0] != "operator":
            return lambda record: _value(record, column) is True
        compare = _OPERATORS[self._next()[1]]
        wanted = self._scalar()
        return lambda record: _holds(_value(record, column), compare, wanted)

    def _column(self) -> ColumnName:
        kind, text, position = self._next()
        if kind != "name" or text in _RESERVED:
            raise _ConditionError("the name of a column is missing" + (f" before “{text}”" if text else ""), position)
        self.columns.append(tuple(text.split(".")))
        return self.columns[-1]

    def _scalar(self) -> Scalar:
        kind, text, position = self._next()
        if kind == "number":
            return float(text)
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "name" and text in _CONSTANTS:
            return _CONSTANTS[text]
        said = "a value is missing" if kind == "end" else f"“{text}” is not a value; texts are written in quotes"
        raise _ConditionError(said, position)

    def _takes(self, kind: str, text: str) -> bool:
        if self._tokens[self._index][:2] != (kind, text):
            return False
        self._index += 1
        return True

    def _next(self) -> _Token:
        token = self._tokens[self._index]
        self._index += token[0] != "end"
        return token


def _value(record: Mapping[str, Any], column: ColumnName) -> Any:
    value: Any = record
    for name in column:
        value = value.get(name, _MISSING) if isinstance(value, Mapping) else _MISSING
    return value


def _holds(value: Any, compare: Callable[[Any, Any], bool], wanted: Scalar) -> bool:
    if value is _MISSING:
        return False
    if wanted is None:  # “!= null” asks for any value, of whatever kind
        return compare in _EQUALITY and compare(value is None, True)
    if _kind(value) is not _kind(wanted):
        return False
    return (compare in _EQUALITY or not isinstance(wanted, bool)) and compare(value, wanted)


def _kind(value: Any) -> type:
    """Numbers are one kind, and truth values are none of them."""
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
