"""Foreign text at the exits: what commands a terminal is written out, everything else stays."""

from __future__ import annotations

import json
import os
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.documents import parse_json
from belle.errors import KnownError
from belle.texts import json_text, padded, read_text, short_repr, utf8, visible

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\x1b\x9b\x07\r\x7f" + BIDI)))
def test_nothing_that_commands_a_terminal_is_left(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in shown)
    assert not set(shown) & set(BIDI)
    assert visible(shown) == shown
    shown.encode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"]) | st.sampled_from("\n\t")))
def test_ordinary_text_stays(text: str) -> None:
    assert visible(text) == text


def test_every_letter_is_judged_by_itself() -> None:
    sequence = "\x1b]52;c;aGVsbG8=\x07 and \x9b2J, \u202eabc"
    assert "".join(map(visible, sequence)) == visible(sequence)
    assert visible(sequence) == "\\x1b]52;c;aGVsbG8=\\x07 and \\x9b2J, \\u202eabc"


def test_a_file_name_that_is_not_utf8_is_shown_and_comes_back_from_json() -> None:
    name = os.fsdecode("贝尔.gguf".encode("gbk"))
    assert visible(name) == "\\xb1\\xb4\\xb6\\xfb.gguf"
    assert os.fsencode(parse_json(json_text({"path": name}).encode("utf-8"))["path"]) == os.fsencode(name)
    assert parse_json(utf8(json.dumps(name, ensure_ascii=False))) == name


@given(st.recursive(st.text(st.characters() | st.characters(categories=["Cs"])) | st.integers(), st.lists))
def test_json_text_is_utf8_and_says_the_same(value: Any) -> None:
    assert json.loads(json_text(value).encode("utf-8")) == value


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        ["y" * 1000] * 10**6,
        {str(i): i for i in range(10**5)},
        10**5000,
        b"z" * 10**7,
    ],
    ids=["text", "list", "mapping", "number", "bytes"],
)
def test_a_short_repr_is_short_and_quick(value: Any) -> None:
    started = time.monotonic()
    assert len(short_repr(value)) < 700
    assert time.monotonic() - started < 0.5


def test_a_value_that_holds_itself_has_a_short_repr() -> None:
    value: list[Any] = []
    value.append(value)
    assert len(short_repr(value)) < 100


def test_texts_are_read_as_they_are_up_to_a_length(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("ä\r\n".encode())
    assert read_text(path) == "ä\r\n"
    path.write_bytes(b"a\xff")
    with pytest.raises(KnownError, match="not UTF-8"):
        read_text(path)
    os.truncate(path, 5 << 30)  # sparse: five gigabytes that nobody wrote
    with pytest.raises(KnownError, match="longer than"):
        read_text(path, longest=1 << 20)


@pytest.mark.parametrize(("text", "spaces"), [("math", 4), ("数学", 4), ("数学 a", 2), ("", 8), ("数学数学数学", 0)])
def test_text_is_padded_to_the_columns_that_a_terminal_shows(text: str, spaces: int) -> None:
    assert padded(text, 8) == text + " " * spaces
