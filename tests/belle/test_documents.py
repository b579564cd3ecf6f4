"""The readers of JSON and YAML: whatever a document holds, it becomes plain data or words."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.documents import (
    DEEPEST,
    DocumentError,
    parse_json,
    parse_json_prefix,
    parse_json_row,
    read_json,
    read_json_object,
)
from belle.errors import KnownError
from belle.yaml_reader import parse_yaml, read_yaml

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
# The letters that mean something, so that chance finds structure.
json_like = st.text(alphabet='[]{}",:0129.eE+-truefalsn \\u\ud800\ufeff\n')
yaml_like = st.text(alphabet="[]{}&*a!:,-|>'\"?#%@ \n~<=0x1_.\t")
yaml_lines = st.lists(
    st.sampled_from(
        [
            "a: &x 1",
            "b: *x",
            "- *x",
            "&y [*y]",
            "<<: *x",
            "!!int ''",
            "!!bool maybe",
            "c: 2026-13-45",
            "? [k]",
            ": v",
            "!!set {a}",
            "!!binary x",
            "!!python/name:os.system",
            "   text",
            "{e: 1, e: 2}",
            "---",
            "...",
            "=: 1",
        ]
    ),
    max_size=8,
).map("\n".join)


@given(plain)
def test_json_comes_back(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")):
        if isinstance(text, bytes) and b"\xed" in text:
            continue
        assert parse_json(text) == value
        assert parse_json_row(text) == value


@given(st.binary() | json_like)
def test_whatever_is_called_json_is_data_or_a_document_error(text: str | bytes) -> None:
    for parse in (parse_json, parse_json_row):
        try:
            json.dumps(parse(text))
        except DocumentError as error:
            assert error.message


@given(plain)
def test_yaml_comes_back(value: Any) -> None:
    assert parse_yaml(yaml.safe_dump(value, allow_unicode=True)) == value


@settings(deadline=None)
@given(st.binary() | yaml_like | yaml_lines)
def test_whatever_is_called_yaml_is_plain_data_or_a_document_error(text: str | bytes) -> None:
    try:
        json.dumps(parse_yaml(text), allow_nan=True)
    except DocumentError as error:
        assert error.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5000, "nested"),
        ('{"a":' * 5000, "nested"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested"),
        ("9" * 5000, "digits"),
        ('{"a": -' + "9" * 100_000 + "}", "digits"),
        ('{"a":\n1,}', "line 2"),
        (b'{"a":\n"\xff"}', "line 2 is not UTF-8"),
        ("", "not valid JSON"),
    ],
)
def test_json_that_is_refused_says_why(text: str | bytes, words: str) -> None:
    for parse in (parse_json, parse_json_row):
        with pytest.raises(DocumentError, match=words):
            parse(text)


def test_brackets_in_texts_are_not_depth() -> None:
    assert parse_json_row(json.dumps({"text": "[" * 10_000})) == {"text": "[" * 10_000}
    assert len(parse_json(json.dumps([[1]] * 5000))) == 5000


def test_a_value_in_the_middle_of_a_text_is_held_to_the_same_limits() -> None:
    assert parse_json_prefix("xx[1] tail", 2) == ([1], 5)
    for text in ("[" * 5000, "[" * 200 + "]" * 200, "9" * 5000):
        with pytest.raises(DocumentError):
            parse_json_prefix(text, 0)


def test_a_key_that_stands_twice_is_refused_where_that_is_asked_for() -> None:
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(DocumentError, match="has the key 'a' twice"):
        parse_json('{"a": 1, "a": 2}', unique_keys=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: {c: *a}}", "contains itself"),
        ("!!int ''", "not a whole number"),
        ("a: !!int 0b2", "not a whole number"),
        ("!!float x", "not a number"),
        ("!!bool maybe", "not true or false"),
        ("a: " + "9" * 5000, "not a whole number"),
        ("a: 1\nb: 2\na: 3", "line 3 has the key 'a' a second time"),
        ("on: x", "put quotes around it"),
        ("1: x", "put quotes around it"),
        ("? [1]\n: x", "put quotes around it"),
        ("a: !!set {b}", "tag"),
        ("a: !!timestamp 2026-01-01", "tag"),
        ("!!python/object/apply:os.system [ls]", "tag"),
        ("[" * 5000, "nested"),
        ("- " * 5000, "nested"),
        ("a: b: c", "line 1 is not valid YAML"),
        ("a: 1\nb: \x01", "line 2 has a control character"),
        ("---\na\n---\nb", "another document"),
        ("x" * 300_000, "longer"),
    ],
)
def test_yaml_that_is_refused_says_why(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        parse_yaml(text)


def test_what_looks_like_a_date_is_text() -> None:
    assert parse_yaml("a: 2026-13-45\nb: 2026-01-02") == {"a": "2026-13-45", "b": "2026-01-02"}


def test_aliases_and_merges_are_followed() -> None:
    text = "base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\nsame: [*b, *b]"
    assert parse_yaml(text)["more"] == {"x": 1, "y": 3}
    assert parse_yaml(text)["same"] == [{"x": 1, "y": 2}] * 2


def test_aliases_that_multiply_are_stopped_at_once() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    merges = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 40)]
    for text in ("\n".join(lines), "\n".join(merges)):
        started = time.monotonic()
        with pytest.raises(DocumentError, match="becomes more than"):
            parse_yaml(text)
        assert time.monotonic() - started < 2


def test_a_file_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "values"
    path.write_text('{"a":\n1,}')
    with pytest.raises(KnownError, match=r"values, line 2 is not valid JSON") as caught:
        read_json(path, kind="mine")
    assert caught.value.kind == "mine"
    assert caught.value.advice
    path.write_text("a: 1\na: 2")
    with pytest.raises(KnownError, match=r"values, line 2 has the key 'a' a second time"):
        read_yaml(path)
    path.write_text("[]")
    with pytest.raises(KnownError, match="is not a JSON object"):
        read_json_object(path)
    with pytest.raises(KnownError, match="longer than 1 byte"):
        read_json(path, longest=1)


def test_many_values_in_few_bytes_are_refused_before_they_exist() -> None:
    for text in ("[" + "[]," * 6_000_000 + "[]]", "[" + "1," * 6_000_000 + "1]", "{" + '"":{},' * 6_000_000 + '"":0}'):
        tracemalloc.start()
        try:
            with pytest.raises(DocumentError, match="holds more than"):
                parse_json(text)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("text", ["1:5", "1:10", "12:30:15", "1:2.5", "-1:30"])
def test_a_ratio_or_a_time_is_text_and_not_a_number_to_the_base_60(text: str) -> None:
    assert parse_yaml(f"value: {text}") == {"value": text}
    assert parse_yaml("[1, 2.5, -3, 0x10, 1e3, .5]") == [1, 2.5, -3, 16, "1e3", 0.5]
