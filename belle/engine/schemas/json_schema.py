"""JSON schemas as grammars: what an answer has to look like, so that no other token can be drawn.

The converter that comes with llama-cpp-python writes Chinese keys as `\\uXXXX`, takes types in a list without their
limits, and passes over what it does not know. Here a keyword is either followed or refused in words. An object's keys
come in the order of the schema, and no others unless `additionalProperties` says so: an answer is always valid, but
not every valid value can be an answer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from belle.documents import DEEPEST
from belle.engine.schemas.number_ranges import integer_rule, number_rule
from belle.engine.schemas.pattern_rules import pattern_rule
from belle.texts import short_repr

_MOST_RULES = 4000
_MOST_REPEATED = 1000
"""llama.cpp writes a repetition out."""
_LONGEST_PATTERN = 1000
_LONGEST_KEY = 200

_BASE = {
    "ws": r'| " " | "\n" [ \t]{0,20}',
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})',
    "plain": r'[^"\\\x7F\x00-\x1F]*',
    "string": r'"\"" char* "\""',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,15})',
    "number": 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,3})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" ws (string ":" ws value ws ("," ws string ":" ws value ws)*)? "}"',
    "array": '"[" ws (value ws ("," ws value ws)*)? "]"',
    "year-date": '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
    "clock": '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})?',
    "zone": '"Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]',
    "date": r'"\"" year-date "\""',
    "time": r'"\"" clock zone? "\""',
    "date-time": r'"\"" year-date "T" clock zone "\""',
    "uuid": r'"\"" [0-9a-f]{8} ("-" [0-9a-f]{4}){3} "-" [0-9a-f]{12} "\""',
}
"""Rules that every grammar has."""

_FORMATS = ("date", "time", "date-time", "uuid")
"""Other formats say what a text means, and any text is taken."""

_ANNOTATIONS = frozenset({
    "$anchor", "$comment", "$defs", "$id", "$schema", "contentEncoding", "contentMediaType", "default", "definitions",
    "deprecated", "description", "discriminator", "example", "examples", "readOnly", "strict", "title", "writeOnly",
})  # fmt: skip
_OBJECT = ("properties", "required", "additionalProperties")
_ARRAY = ("items", "prefixItems", "minItems", "maxItems")
_STRING = ("minLength", "maxLength", "format", "pattern")
_NUMBER = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TYPES: Mapping[str, Sequence[str]] = {
    "object": _OBJECT,
    "array": _ARRAY,
    "string": _STRING,
    "number": _NUMBER,
    "integer": _NUMBER,
    "boolean": (),
    "null": (),
}
_OTHERS = ("type", "const", "enum")


class SchemaError(ValueError):
    """A schema that is wrong, or asks for what a grammar cannot hold an answer to."""


def grammar_of(schema: Any) -> str:
    """GBNF of the JSON texts that `schema` describes. Raises SchemaError."""
    return grammar_of_parts([("", schema, "")])


def grammar_of_parts(parts: Sequence[tuple[str, Any, str]]) -> str:
    """GBNF of texts that are one of several: what stands before, JSON by a schema, what stands behind.

    Raises SchemaError.
    """
    builder = _Builder()
    alternatives = [_quoted(before) + builder.add(schema) + _quoted(behind) for before, schema, behind in parts]
    return builder.source(" | ".join(alternatives))


def any_object() -> str:
    """GBNF of all JSON objects."""
    return _Builder().source("object")


def _quoted(text: str) -> str:
    return f" {_literal(text)} " if text else ""


def _literal(text: str) -> str:
    """`text` as GBNF writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


class _Builder:
    """The rules of a grammar in the making. A rule's name stands for it in others."""

    def __init__(self) -> None:
        self._document: Any = None
        self._numbers = itertools.count()
        self._names: dict[str, str] = {}  # body → name
        self._rules: dict[str, str] = {}
        self._refs: dict[str, str] = {}

    def add(self, schema: Any) -> str:
        """The name of the rule for a whole schema, to which its references lead."""
        self._document = schema
        self._refs.clear()
        return self.visit(schema, "the schema")

    def source(self, root: str) -> str:
        """The grammar of what the rule `root` describes."""
        rules = {"root": root, **_BASE, **self._rules}
        return "\n".join(f"{name} ::= {body}" for name, body in rules.items()) + "\n"

    def visit(self, schema: Any, path: str) -> str:
        """The name of the rule for `schema`. Raises SchemaError, which names `path`."""
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            raise SchemaError(f"{path} is {short_repr(schema)}, and has to be an object")
        if isinstance(schema.get("$ref"), str):
            return self._visit_ref(schema, path)
        if "allOf" in schema:
            return self.visit(self._merged(schema, path), path)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._union(_without(schema, key), _schemas(schema, key, path), path)
        return self._visit_plain(schema, path)

    def _visit_plain(self, schema: Mapping[str, Any], path: str) -> str:
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            if not isinstance(values, list) or not values:
                raise SchemaError(f"enum of {path} has to be a list of values")
            kinds = _as_list(schema.get("type", [*_TYPES]))
            values = [value for value in values if any(_is_of(kind, value) for kind in kinds)]
            if not values:
                raise SchemaError(f"enum of {path} has no value of its type")
            return self._rule(" | ".join(_literal(_json(value)) for value in values))
        kind = schema.get("type", _implied_type(schema))
        if isinstance(kind, list):
            return self._union(_without(schema, "type"), [{"type": one} for one in kind], path)
        if kind is None:
            _check_keywords(schema, None, path)
            return "value"
        if kind not in _TYPES:
            raise SchemaError(f"type of {path} is {short_repr(kind)}, and has to be one of {', '.join(_TYPES)}")
        # In a union of types each takes its own keywords.
        own = {key: value for key, value in schema.items() if key in _TYPES[kind] or key not in _KEYWORDS}
        _check_keywords(own, kind, path)
        visitors = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
        }
        return visitors[kind](own, path) if kind in visitors else kind

    def _visit_ref(self, schema: Mapping[str, Any], path: str) -> str:
        reference = schema["$ref"]
        beside = {key: value for key, value in schema.items() if key != "$ref" and key not in _ANNOTATIONS}
        if beside:
            return self.visit({"allOf": [{"$ref": reference}, beside]}, path)
        if reference not in self._refs:
            # The name exists before the rule: a schema may hold itself.
            name = self._refs[reference] = self._new_name()
            self._rules[name] = self.visit(self._resolve(reference, path), f"{reference} of the schema")
            if self._rules[name] == name:
                raise SchemaError(f"$ref of {path} refers to itself")
        return self._refs[reference]

    def _resolve(self, reference: str, path: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise SchemaError(f"$ref of {path} is {short_repr(reference)}: only references within the schema are known")
        target = self._document
        for part in reference.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            elif isinstance(target, dict) and key in target:
                target = target[key]
            else:
                raise SchemaError(f"$ref of {path} is {short_repr(reference)}, which is not in the schema")
        return target

    def _merged(self, schema: Mapping[str, Any], path: str, depth: int = 0) -> dict[str, Any]:
        """`schema` with all of its `allOf` in one."""
        if depth > DEEPEST:
            raise SchemaError(f"allOf of {path} refers to itself")
        merged = _without(schema, "allOf")
        for part in _schemas(schema, "allOf", path):
            merged = _both(merged, self._flat(part, path, depth), path)
        return merged

    def _flat(self, part: Any, path: str, depth: int) -> dict[str, Any]:
        """A part of an `allOf` without `$ref` and `allOf` of its own."""
        if not isinstance(part, dict):
            raise SchemaError(f"allOf of {path} has to be a list of objects")
        if isinstance(part.get("$ref"), str):
            target = self._resolve(part["$ref"], path)
            part = {"allOf": [target, _without(part, "$ref")]}
        return self._merged(part, path, depth + 1) if "allOf" in part else part

    def _union(self, base: dict[str, Any], alternatives: Sequence[Any], path: str) -> str:
        shared = {key: value for key, value in base.items() if key not in _ANNOTATIONS}
        whole = [{"allOf": [shared, one]} if shared and isinstance(one, dict) else one for one in alternatives]
        return self._rule(" | ".join(dict.fromkeys(self.visit(one, path) for one in whole)))

    def _object(self, schema: Mapping[str, Any], path: str) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, dict):
            raise SchemaError(f"properties of {path} has to be an object")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise SchemaError(f"required of {path} has to be a list of names")
        others = schema.get("additionalProperties", False)
        unnamed = [name for name in required if name not in properties]
        if unnamed and schema.get("additionalProperties") is False:
            raise SchemaError(f"{path} requires {short_repr(unnamed[0])}, which it does not allow")
        properties = properties | dict.fromkeys(unnamed, others or True)
        if not properties and "additionalProperties" not in schema and "properties" not in schema:
            return "object"
        pairs = []
        for name, inner in properties.items():
            value = self.visit(inner, f"{path}.{name}")
            pairs.append((self._rule(f'{_literal(_json(name))} ":" ws {value} ws'), name in required))
        more = None
        if others is not False:
            key = self._key_but(properties, path)
            more = self._rule(f'{key} ":" ws {self.visit(others, f"additionalProperties of {path}")} ws')
        return self._rule(f'"{{" ws {self._pairs(pairs, more)} "}}"')

    def _key_but(self, names: Collection[str], path: str) -> str:
        """The rule of a key that is none of `names`, whose values have schemas of their own."""
        if not names:
            return "string"
        if any(len(name) > _LONGEST_KEY for name in names):
            raise SchemaError(f"{path} takes other keys beside one of more than {_LONGEST_KEY} characters")
        # Without backslashes, by which a name could be written in another way.
        plain = [name for name in names if _json(name)[1:-1] == name]
        return self._rule(f'"\\"" ({_text_but(plain)}) "\\""')

    def _pairs(self, pairs: Sequence[tuple[str, bool]], more: str | None) -> str:
        """The pairs in order, those that are not required present or not, with commas between those that are."""
        first = self._rule(f'({more} ("," ws {more})*)?') if more else '""'
        following = self._rule(f'("," ws {more})*') if more else '""'
        for pair, required in reversed(pairs):
            with_pair = f"{pair} {following}"
            first = self._rule(with_pair if required else f"{with_pair} | {first}")
            following = self._rule(f'"," ws {with_pair}' if required else f'("," ws {pair})? {following}')
        return first

    def _array(self, schema: Mapping[str, Any], path: str) -> str:
        least, most = _bounds(schema, "minItems", "maxItems", path)
        prefix = schema.get("prefixItems", [])
        if not isinstance(prefix, list):
            raise SchemaError(f"prefixItems of {path} has to be a list of schemas")
        fixed = [self.visit(item, f"prefixItems[{number}] of {path}") for number, item in enumerate(prefix[:most])]
        items = schema.get("items", not fixed or least > len(fixed))
        comma = ' "," ws '
        written = comma.join(f"{rule} ws" for rule in fixed)
        if items is False or most == len(fixed):
            if least > len(fixed):
                raise SchemaError(f"{path} is to have {least:,} items, of which {len(fixed):,} are described")
            return self._rule(f'"[" ws {written} "]"')
        item = self.visit(items, f"items of {path}")
        least = max(0, least - len(fixed))
        most = None if most is None else most - len(fixed)
        if fixed:
            more = f'("," ws {item} ws){_times(least, most)}'
            return self._rule(f'"[" ws {written} {more} "]"')
        rest = f'{item} ws ("," ws {item} ws){_times(max(0, least - 1), None if most is None else most - 1)}'
        return self._rule(f'"[" ws {rest} "]"' if least else f'"[" ws ({rest})? "]"')

    def _string(self, schema: Mapping[str, Any], path: str) -> str:
        if "pattern" in schema:
            return self._pattern(schema, path)
        if schema.get("format") in _FORMATS:
            return str(schema["format"])
        least, most = _bounds(schema, "minLength", "maxLength", path)
        if least == 0 and most is None:
            return "string"
        return self._rule(f'"\\"" char{_times(least, most)} "\\""')

    def _pattern(self, schema: Mapping[str, Any], path: str) -> str:
        pattern = schema["pattern"]
        if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
            raise SchemaError(f"pattern of {path} has to be a text of at most {_LONGEST_PATTERN:,} characters")
        if "minLength" in schema or "maxLength" in schema:
            raise SchemaError(f"{path} has both a pattern and a length, of which an answer can be held to one")
        try:
            return self._rule(pattern_rule(pattern))
        except ValueError as error:
            raise SchemaError(f"{path} {error}") from None

    def _integer(self, schema: Mapping[str, Any], path: str) -> str:
        return self._within(schema, "integer", integer_rule, path)

    def _number(self, schema: Mapping[str, Any], path: str) -> str:
        return self._within(schema, "number", number_rule, path)

    def _within(
        self, schema: Mapping[str, Any], kind: str, rule: Callable[[Mapping[str, float]], str], path: str
    ) -> str:
        limits = {key: schema[key] for key in _NUMBER if key in schema}
        if not limits:
            return kind
        for key, value in limits.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SchemaError(f"{key} of {path} has to be a number")
        try:
            return self._rule(rule(limits))
        except ValueError as error:
            raise SchemaError(f"{path} {error}") from None

    def _rule(self, body: str) -> str:
        if body not in self._names:
            name = self._names[body] = self._new_name()
            self._rules[name] = body
        return self._names[body]

    def _new_name(self) -> str:
        number = next(self._numbers)
        if number > _MOST_RULES:
            raise SchemaError(f"the schema needs more than {_MOST_RULES:,} rules")
        return f"r{number}"


_KEYWORDS = frozenset({*_OTHERS, *_OBJECT, *_ARRAY, *_STRING, *_NUMBER})


def _check_keywords(schema: Mapping[str, Any], kind: str | None, path: str) -> None:
    allowed = () if kind is None else _TYPES[kind]
    for key, value in schema.items():
        # Every integer is a multiple of 1, and what is no number has no multiples.
        harmless = (key == "uniqueItems" and value is False) or (
            key == "multipleOf" and value == 1 and kind not in (None, "number")
        )
        if key not in (*allowed, *_OTHERS) and key not in _ANNOTATIONS and not harmless:
            raise SchemaError(f"{path} uses {short_repr(key)}, which an answer cannot be held to here")


def _text_but(names: Sequence[str]) -> str:
    """GBNF of a text without backslashes that is none of `names`: it ends, or leaves them at some character."""
    if not names:
        return "plain"
    ends = [] if "" in names else ['""']
    firsts = dict.fromkeys(name[0] for name in names if name)
    along = [f"{_literal(first)} ({_text_but([n[1:] for n in names if n.startswith(first)])})" for first in firsts]
    excluded = "".join(f"\\U{ord(first):08X}" for first in firsts)
    return " | ".join([*ends, *along, f'[^"\\\\\\x7F\\x00-\\x1F{excluded}] plain'])


def _implied_type(schema: Mapping[str, Any]) -> str | None:
    """The type of a schema that names none: the one that its keywords are about."""
    return next((kind for kind, keys in _TYPES.items() if any(key in schema for key in keys)), None)


def _both(some: Mapping[str, Any], others: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A schema for what is valid by two. Raises SchemaError where one cannot be written."""
    merged = dict(some)
    for key, value in others.items():
        if key in _ANNOTATIONS or key not in merged or merged[key] == value:
            merged.setdefault(key, value)
        elif key == "properties" and isinstance(value, dict) and isinstance(merged[key], dict):
            shared = {name: {"allOf": [merged[key][name], value[name]]} for name in value if name in merged[key]}
            merged[key] = {**merged[key], **value, **shared}
        elif key == "required" and isinstance(value, list) and isinstance(merged[key], list):
            merged[key] = list(dict.fromkeys([*merged[key], *value]))
        elif key == "type":
            kinds = [one for one in _as_list(merged[key]) if one in _as_list(value)]
            if not kinds:
                raise SchemaError(f"{path} is to be of two types at once")
            merged[key] = kinds if len(kinds) > 1 else kinds[0]
        elif key in ("anyOf", "oneOf"):
            raise SchemaError(f"{path} has two lists of alternatives")
        else:
            raise SchemaError(f"{path} has two different values of {key}")
    return merged


def _is_of(kind: object, value: Any) -> bool:
    """Whether a value is of a type of JSON schema."""
    match value:
        case bool():
            return kind == "boolean"
        case int() | float():
            return kind == "number" or (kind == "integer" and (isinstance(value, int) or value.is_integer()))
        case str():
            return kind == "string"
        case None:
            return kind == "null"
        case list():
            return kind == "array"
    return kind == "object"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _schemas(schema: Mapping[str, Any], key: str, path: str) -> list[Any]:
    value = schema[key]
    if not isinstance(value, list) or not value:
        raise SchemaError(f"{key} of {path} has to be a list of schemas")
    return value


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _bounds(schema: Mapping[str, Any], low: str, high: str, path: str) -> tuple[int, int | None]:
    least, most = schema.get(low, 0), schema.get(high)
    for key, value in ((low, least), (high, most)):
        if value is not None and (type(value) is not int or value < 0):
            raise SchemaError(f"{key} of {path} has to be a whole number")
        if value is not None and value > _MOST_REPEATED:
            raise SchemaError(f"{key} of {path} is {value:,}; answers can be held to at most {_MOST_REPEATED:,}")
    if most is not None and least > most:
        raise SchemaError(f"{low} of {path} is more than {high}")
    return least, most


def _times(least: int, most: int | None) -> str:
    if most is None:
        return {0: "*", 1: "+"}.get(least, f"{{{least},}}")
    return f"{{{least},{most}}}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
