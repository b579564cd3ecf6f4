"""One item before it has an id, and the checks that items are made with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["zh", "en"]
Check = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is asked, and how the answer is scored; the attributes are those of a row in an item file."""

    language: Language
    question: str
    reference: str = ""
    rubric: Sequence[str] = ()
    checks: Sequence[Check] = ()

    def row(self, identity: str, category: str) -> dict[str, Any]:
        """The row of an item file; a key without a value is left out."""
        row = {
            "id": identity,
            "class": category,
            "language": self.language,
            "source": "generated",
            "question": self.question,
            "reference": self.reference,
            "rubric": list(self.rubric),
            "checks": list(self.checks),
        }
        return {key: value for key, value in row.items() if value}


def number(value: float, tolerance: float = 0) -> Check:
    """The answer ends in this number."""
    check: Check = {"type": "number", "value": value}
    return {**check, "tolerance": tolerance} if tolerance else check


def contains(*every: str, some: Sequence[str] = (), none: Sequence[str] = (), longest: int = 0) -> Check:
    """All of `every`, one of `some` and none of `none` stand in the answer, which has at most `longest` characters."""
    parts = {"all": list(every), "any": list(some), "none": list(none), "longest": longest}
    return {"type": "contains", **{key: value for key, value in parts.items() if value}}


def exact(*texts: str) -> Check:
    """The answer is one of these texts."""
    return {"type": "exact", "any": list(texts)}


def length(unit: str, least: int = 1, most: int | None = None) -> Check:
    """The answer has so many units. At least one, so that an empty answer does not count as a short one."""
    check: Check = {"type": "length", "unit": unit, "min": least}
    return check if most is None else {**check, "max": most}


def pattern(regex: str, *, forbid: bool = False) -> Check:
    """A regular expression is found in the answer, or is not."""
    check: Check = {"type": "pattern", "pattern": regex}
    return {**check, "forbid": True} if forbid else check


def json_object(**values: Any) -> Check:
    """A JSON object with exactly these keys and values; a value that is a schema stands as it is."""
    return {"type": "json", "schema": object_schema(values)}


def object_schema(values: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has these keys alone; a tuple names several right values."""
    return {
        "type": "object",
        "properties": {key: value_schema(value) for key, value in values.items()},
        "required": list(values),
        "additionalProperties": False,
    }


def value_schema(value: Any) -> dict[str, Any]:
    """The schema that this value alone follows, or the values of a tuple."""
    if isinstance(value, tuple):
        return {"enum": list(value)}
    if isinstance(value, dict):
        return object_schema(value)
    if isinstance(value, list):
        items = {"prefixItems": [value_schema(item) for item in value]} if value else {}
        return {"type": "array", **items, "minItems": len(value), "maxItems": len(value)}
    return {"const": value}


def code(tests: str) -> Check:
    """The program in the answer passes these lines with `assert`."""
    return {"type": "code", "tests": tests}


def plain(value: float) -> str:
    """A number as people write it: no exponent, no zeros at the end."""
    return f"{value:.10f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def identity(category: str, language: Language, place: int) -> str:
    """The id of the item number `place` of its class and language, from 1."""
    return f"{re.sub(' ', '-', category)}-{language}-{place:03}"
