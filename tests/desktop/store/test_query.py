"""The words of a query, against the tokenizer of the SQLite that runs here."""

from __future__ import annotations

import re
import sqlite3

import pytest

from desktop.store.query import Word, parse_query

NO_PATTERN = re.compile("")
# Every character up to the end of the planes that have letters with case, and some of the ideographs behind them.
CHARACTERS = [chr(code) for code in (*range(1, 0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 101))]


@pytest.fixture(scope="module")
def folded() -> dict[str, str]:
    """How the trigram tokenizer reads each character."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (body, tokenize = 'trigram')")
    rows = ((ord(character), f"{character}\n\n") for character in CHARACTERS)
    connection.executemany("INSERT INTO t (rowid, body) VALUES (?, ?)", rows)
    connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (t, instance)")
    folded = {chr(doc): term[0] for term, doc in connection.execute("SELECT term, doc FROM terms")}
    connection.close()
    assert len(folded) == len(CHARACTERS)
    return folded


def test_the_index_is_asked_only_where_it_folds_letters_as_we_do(folded: dict[str, str]) -> None:
    wrong = []
    for character in CHARACTERS:
        if character.isspace():
            continue
        if asked := Word(character, NO_PATTERN).term_range():
            forms = {form for form in (character, character.lower(), character.upper()) if len(form) == 1}
            if any(folded[form] != asked[0] for form in forms):
                wrong.append(character)
    assert not wrong


def test_common_letters_are_asked_of_the_index() -> None:
    for word in ("a", "Z", "中", "é", "Ü", "ж", "λ", "😀", "，"):
        assert parse_query(word)[0].term_range()
    assert parse_query("Straße")[0].trigrams() == ["Str", "tra", "raß", "aße"]
    assert parse_query("ıab")[0].trigrams() == []
    assert parse_query("中国")[0].trigrams() == []


def test_words_are_taken_apart_at_white_space_and_once_each() -> None:
    assert [word.text for word in parse_query(" b\ta\u3000b\nA ")] == ["b", "a", "A"]


@pytest.mark.parametrize(
    ("word", "text", "matches"),
    [
        ("ab", "xABx", True),
        ("ÉT", "été", True),
        ("ß", "SS", False),
        ("[a-z]", "b", False),
        ("[a-z]", "[A-Z]", True),
        ("\u212a", "k", True),
        ("k", "\u212a", False),
        ("ſ", "S", True),
    ],
)
def test_what_counts_as_containing(word: str, text: str, matches: bool) -> None:
    assert bool(parse_query(word)[0].pattern.search(text)) == matches
