"""Schemas as grammars: texts that llama.cpp takes and refuses by them, and schemas that are refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import llama_cpp.llama_cpp as llama
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.schemas.json_schema import SchemaError, any_object, grammar_of, grammar_of_parts


@pytest.fixture(scope="module")
def accepts(starter: Path) -> Iterator[Callable[[str, str], bool]]:
    """Whether a text is all that a grammar asks for, by llama.cpp."""
    log = NativeLog()
    model = Model(starter, n_gpu_layers=0, log=log, on_progress=lambda _: True, vocabulary_only=True)
    vocabulary = model.vocabulary

    def is_allowed(sampler: object, token: int) -> bool:
        data = (llama.llama_token_data * 1)(llama.llama_token_data(token, 1.0, 0.0))
        array = llama.llama_token_data_array(data=data, size=1, selected=-1, sorted=False)
        llama.llama_sampler_apply(sampler, array)
        return data[0].logit > -1e30

    def accepts(grammar: str, text: str) -> bool:
        sampler = llama.llama_sampler_init_grammar(vocabulary.handle, grammar.encode(), b"root")
        assert sampler is not None, f"llama.cpp cannot read {grammar}"
        try:
            for token in vocabulary.tokenize(text):
                if not is_allowed(sampler, token):
                    return False
                llama.llama_sampler_accept(sampler, token)
            return is_allowed(sampler, vocabulary.eos or 0)
        finally:
            llama.llama_sampler_free(sampler)

    yield accepts
    model.close()


NODE = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["next"]}  # fmt: skip
CASES: dict[str, tuple[object, list[object], list[object]]] = {
    "string": ({"type": "string"}, ["", "a\"b\\c\n", "北京"], [1, None]),
    "length": ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "北京市"], ["a", "abcd"]),
    "integer": ({"type": "integer"}, [0, -12, 345], [1.5, "1"]),
    "number": ({"type": "number"}, [0, -1.5, 1e-20], ["1", True]),
    "boolean": ({"type": "boolean"}, [True, False], [0, "true"]),
    "null": ({"type": "null"}, [None], [0]),
    "types": ({"type": ["string", "null"], "maxLength": 2}, ["ab", None], ["abc", 1]),
    "enum": ({"enum": ["红", "绿", 3, None, {"a": [1]}]}, ["红", 3, None], ["蓝", 4]),
    "enum of a type": ({"type": ["string", "integer"], "enum": ["a", 1, 1.5, True, None]}, ["a", 1], [1.5, True, None]),
    "multiples of 1": ({"type": ["integer", "null"], "multipleOf": 1}, [3, None], [1.5]),
    "const": ({"const": "x\"y"}, ["x\"y"], ["x"]),
    "date": ({"type": "string", "format": "date"}, ["2026-11-30"], ["2026-13-01", "tomorrow"]),
    "date-time": ({"type": "string", "format": "date-time"}, ["2026-11-30T12:00:00Z"], ["2026-11-30"]),
    "uuid": ({"type": "string", "format": "uuid"}, ["01234567-89ab-cdef-0123-456789abcdef"], ["0"]),
    "pattern": ({"type": "string", "pattern": r"^[A-Z]{2}-\d+(\.\d{1,2})?$"},
                ["AB-1", "XY-12.34"], ["A-1", "AB-", "AB-1.234"]),
    "a pattern within": ({"pattern": "b+|^y$"}, ["abc", "b", "y", '"b\\'], ["ac", "yy"]),
    "a pattern of anything": ({"pattern": r"^.\W[^a-z北]$"}, ['"\\"', "a-京", "x\tA"], ["ab1", "a-北", "\n-A"]),
    "a Chinese pattern": ({"pattern": r"^(\u5317京|[上-下]海)\s?$"}, ["北京", "上海", "北京\n"], ["南京"]),
    "another format": ({"type": "string", "format": "email"}, ["a@b.example"], [1]),
    "list": ({"type": "array", "items": {"type": "integer"}}, [[], [1], [1, 2, 3]], [["a"], [1, "a"], {}]),
    "list of some": ({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
                     [[1, 2], [1, 2, 3]], [[1], [1, 2, 3, 4]]),
    "empty list": ({"type": "array", "maxItems": 0}, [[]], [[1]]),
    "pair": ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
             [["a", 1]], [["a"], [1, "a"], ["a", 1, 2]]),
    "pair and more": ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "minItems": 2},
                      [["a", 1], ["a", 1, 2]], [["a"], ["a", "b"]]),
    "the first of a pair": ({"prefixItems": [{"type": "string"}, {}], "maxItems": 1}, [["a"]], [["a", 1], []]),
    "more than is described": ({"prefixItems": [{"type": "string"}], "minItems": 2}, [["a", None]], [["a"], [1, 1]]),
    "object": ({"type": "object", "properties": {"名": {"type": "string"}, "b": {}}, "required": ["名"]},
               [{"名": "x"}, {"名": "x", "b": [1, {"c": None}]}],
               [{}, {"b": 1}, {"名": "x", "d": 1}, {"b": 1, "名": "x"}]),
    "none required": ({"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}}},
                      [{}, {"a": 1}, {"b": 1}, {"a": 1, "c": 1}, {"a": 1, "b": 1, "c": 1}],
                      [{"b": 1, "a": 1}, {"d": 1}]),
    "the second required": ({"properties": {"a": {}, "b": {}, "c": {}}, "required": ["b"]},
                            [{"b": 1}, {"a": 1, "b": 1}, {"b": 1, "c": 1}], [{}, {"a": 1}, {"a": 1, "c": 1}]),
    "more": ({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}},
             [{}, {"a": 1}, {"x": True}, {"a": 1, "x": True, "y": False}], [{"x": 1}, {"a": True, "x": 1}]),
    "other keys": ({"properties": {"a": {"type": "integer"}, "ab": {}, "北": {}},
                    "additionalProperties": {"type": "null"}},
                   [{}, {"a": 1}, {"a": 1, "b": None}, {"abc": None}, {"": None}, {"北京": None}, {"^]-": None}],
                   [{"a": None}, {"b": 1}, {"a": 1, "abc": 1}, {"a\\": None}]),
    "a map": ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"x": 1, "y": 2}], [{"x": "a"}]),
    "required among others": ({"required": ["a"], "additionalProperties": {"type": "integer"}},
                              [{"a": 1, "b": 2}], [{"a": "x"}, {"b": 2}]),
    "required alone": ({"required": ["a"]}, [{"a": [1]}], [{}]),
    "any object": ({"type": "object"}, [{}, {"a": {"b": [1, "c", None, True, -0.5]}}], [[], 1]),
    "anything": (True, [1, "a", None, [], {}], []),
    "anything too": ({}, [1, "a", None, [], {}], []),
    "either": ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}, [1, ["a"]], ["a"]),
    "one and both": ({"properties": {"a": {"type": "integer"}}, "required": ["a"],
                      "oneOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]},
                                {"properties": {"c": {"const": 2}}, "required": ["c"]}]},
                     [{"a": 7, "b": 1}, {"a": 7, "c": 2}], [{"a": 7}, {"b": 1}]),
    "all": ({"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"b": {"type": "null"}}, "required": ["b"]}],
             "$defs": {"a": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}},
            [{"a": 1, "b": None}], [{"a": 1}, {"b": None}]),
    "itself": ({"$ref": "#/$defs/node", "$defs": {"node": NODE}},
               [{"next": None}, {"next": {"next": {"next": None}}}], [{}, {"next": 1}]),
    "beside a reference": ({"properties": {"a": {"$ref": "#/$defs/s", "description": "x"}}, "required": ["a"],
                            "$defs": {"s": {"enum": ["p", "q"]}}}, [{"a": "p"}], [{"a": "r"}]),
    "from 3 to 17": ({"type": "integer", "minimum": 3, "maximum": 17}, [3, 9, 10, 17], [2, 18, 30, -3]),
    "below 0": ({"type": "integer", "exclusiveMaximum": 0}, [-1, -10], [0, 1]),
    "a share": ({"type": "number", "minimum": 0, "maximum": 1}, [0, 1, 0.25, 1.0], [-0.5, 1.5, 2]),
    "more than 0": ({"type": "number", "exclusiveMinimum": 0}, [0.5, 1, 12.25], [0, -1]),
    "around 0": ({"type": "number", "minimum": -2, "maximum": 1}, [-2, -1.5, 0.5, 1], [-2.5, 1.5]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_schema_takes_what_it_describes(accepts: Callable[[str, str], bool], name: str) -> None:
    schema, right, wrong = CASES[name]
    grammar = grammar_of(schema)
    for value in right:
        for separators in ((", ", ": "), (",", ":")):
            text = json.dumps(value, ensure_ascii=False, separators=separators)
            assert accepts(grammar, text), text
    for value in wrong:
        assert not accepts(grammar, json.dumps(value, ensure_ascii=False)), value


def test_white_space_is_bounded(accepts: Callable[[str, str], bool]) -> None:
    grammar = any_object()
    assert accepts(grammar, '{\n  "a": 1,\n  "b": [\n    2\n  ]\n}')
    assert not accepts(grammar, '{   "a": 1}')
    assert not accepts(grammar, '{"a": 1} ')


def test_parts_stand_around_what_schemas_describe(accepts: Callable[[str, str], bool]) -> None:
    one, two = ({"$ref": "#/$defs/x", "$defs": {"x": {"const": value}}} for value in (1, 2))
    grammar = grammar_of_parts([('<f "', one, ">\n"), ("<g ", two, ">")])
    assert accepts(grammar, '<f "1>\n') and accepts(grammar, "<g 2>")
    assert not accepts(grammar, '<f "2>\n')


@given(st.integers(-1200, 1200), st.integers(0, 1500), st.integers(-2500, 2500))
def test_a_whole_number_is_taken_between_its_bounds(
    accepts: Callable[[str, str], bool], low: int, width: int, value: int
) -> None:
    grammar = grammar_of({"type": "integer", "minimum": low, "maximum": low + width})
    for number in (value, low, low + width, low - 1, low + width + 1):
        assert accepts(grammar, str(number)) == (low <= number <= low + width)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (1, "has to be an object"),
        ([], "has to be an object"),
        (False, "has to be an object"),
        ({"type": "strange"}, "strange"),
        ({"type": "string", "pattern": "a(?=b)"}, "looks around"),
        ({"type": "string", "pattern": "(a"}, "not closed"),
        ({"type": "string", "pattern": "a)"}, "unexpected"),
        ({"type": "string", "pattern": "[a"}, "not closed"),
        ({"type": "string", "pattern": "*a"}, "unexpected"),
        ({"type": "string", "pattern": r"(a)\1"}, "cannot be held to"),
        ({"type": "string", "pattern": "a{2000}"}, "1,000"),
        ({"type": "string", "pattern": "a{x}"}, "repetition"),
        ({"type": "string", "pattern": "(a?){900}"}, "may be empty"),
        ({"type": "string", "pattern": "((a|b*)c?)+"}, "may be empty"),
        ({"type": "string", "pattern": "(" * 900 + ")" * 100}, "within each other"),
        ({"type": "string", "pattern": "a", "maxLength": 3}, "both"),
        ({"not": {"type": "string"}}, "not"),
        ({"type": "object", "patternProperties": {}}, "patternProperties"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "no whole number"),
        ({"type": "number", "minimum": 0.5}, "whole bounds"),
        ({"type": "number", "minimum": "0"}, "has to be a number"),
        ({"type": "string", "maxLength": 100000}, "100,000"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "more than"),
        ({"$ref": "#/$defs/missing"}, "not in the schema"),
        ({"$ref": "https://example.com/schema"}, "within the schema"),
        ({"$ref": "#"}, "itself"),
        ({"allOf": [{"$ref": "#"}]}, "itself"),
        ({"enum": []}, "list of values"),
        ({"enum": ["a", True], "type": "integer"}, "no value of its type"),
        ({"type": "number", "multipleOf": 1}, "multipleOf"),
        ({"prefixItems": {}}, "list of schemas"),
        ({"prefixItems": [{}], "items": False, "minItems": 2}, "described"),
        ({"properties": {"a" * 300: {}}, "additionalProperties": True}, "200 characters"),
        ({"anyOf": []}, "list of schemas"),
        ({"properties": []}, "has to be an object"),
        ({"properties": {"a": {"properties": {"b": 7}}}}, "the schema.a.b"),
        ({"required": "a"}, "list of names"),
        ({"required": ["a"], "additionalProperties": False}, "does not allow"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "two types"),
        ({"properties": {str(i): {"const": i} for i in range(3000)}}, "rules"),
    ],
)
def test_what_cannot_be_followed_is_refused(schema: object, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        grammar_of(schema)
