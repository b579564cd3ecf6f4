"""Search finds exactly what reading every text would find, whichever strategy it uses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.store import SearchHit, Store, search, search_index
from tests.desktop.store.conftest import Clock


def same(wanted: str, character: str) -> bool:
    """One character of a query against one of a text: itself, or its lower or upper case."""
    return character in (wanted, wanted.lower(), wanted.upper())


def occurs(word: str, text: str) -> bool:
    return any(
        all(same(wanted, character) for wanted, character in zip(word, text[at:], strict=False))
        for at in range(len(text) - len(word) + 1)
    )


@contextmanager
def strategy(newest: int, rare: int, frequent: int, trigrams: bool) -> Iterator[None]:
    """Make search choose among its strategies with a handful of messages as it does with 200,000."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_NEWEST", newest)
        patch.setattr(search, "_RARE", rare)
        patch.setattr(search, "_FREQUENT", frequent)
        patch.setattr(search, "_BATCH", 2)
        patch.setattr(search_index, "has_trigrams", lambda _connection: trigrams)
        yield


def talk(store: Store, *texts: str, title: str = "") -> int:
    conversation_id = store.create_conversation(title=title).id
    for text in texts:
        store.add_message(conversation_id, None, "user", text)
    return conversation_id


def matches(store: Store, query: str) -> list[str]:
    return [hit.snippet for hit in store.search(query)]


PIECES = [
    *["a", "b", "A", "B", "ab", "%", "_", "\\", '"', "'", "*", "(", "NEAR(", " AND ", "OR", "-", "^", ":", "{", "+"],
    *[
        "中",
        "国",
        "中国",
        "中国人",
        "，",
        "é",
        "É",
        "ß",
        "ſ",
        "\u212a",
        "k",
        "İ",
        "ı",
        "i",
        "I",
        "ς",
        "Σ",
        "σ",
        "ж",
        "Ж",
    ],
    *[
        "ა",
        "Ა",
        "\u0345",
        "\U00020000",
        "😀",
        "👩‍👩‍👧",
        "\ufffe",
        "\uffff",
        "\ufffd",
        "\0",
        "\ud800",
        " ",
        "\n",
        "\u3000",
    ],
]
texts = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)


@st.composite
def bodies_and_query(draw: st.DrawFn) -> tuple[list[str], str]:
    """Some texts that have phrases in common, and words of which most occur in them."""
    phrases = draw(
        st.lists(st.lists(st.sampled_from(PIECES), min_size=3, max_size=6).map("".join), min_size=1, max_size=3)
    )
    parts = st.one_of(st.sampled_from(phrases), st.sampled_from(PIECES))
    bodies = draw(st.lists(st.lists(parts, max_size=5).map("".join), min_size=1, max_size=9))
    words = []
    for _ in range(draw(st.integers(1, 2))):
        phrase = draw(st.sampled_from(phrases))
        at, length = draw(st.integers(0, 2)), draw(st.integers(1, 5))
        word = phrase[at : at + length]
        words.append(draw(st.sampled_from([word, word, word.swapcase(), draw(texts)])))
    return bodies, " ".join(words)


@settings(max_examples=200, deadline=None)
@given(
    case=bodies_and_query(),
    title=texts,
    limit=st.sampled_from([1, 3, 50]),
    newest=st.sampled_from([0, 2, 100]),
    rare=st.sampled_from([0, 1, 100]),
    frequent=st.sampled_from([1, 5, 100]),
    trigrams=st.booleans(),
)
def test_search_is_reading_everything(
    case: tuple[list[str], str], title: str, limit: int, newest: int, rare: int, frequent: int, trigrams: bool
) -> None:
    bodies, query = case
    with (
        tempfile.TemporaryDirectory() as folder,
        strategy(newest, rare, frequent, trigrams),
        Store.open(Path(folder, "s.sqlite3"), clock=Clock()) as store,
    ):
        conversation_id = talk(store, *bodies, title=title)
        hits = store.search(query, limit)
        conversation = store.conversation(conversation_id)
        words = query.replace("\0", "\ufffd").replace("\ud800", "\ufffd").split()
        everything = [(None, conversation.title, conversation.updated_at)]
        everything += [(m, store.message(m).text, store.message(m).created_at) for m in range(1, len(bodies) + 1)]
        expected = sorted(
            ((id_, time) for id_, text, time in everything if words and all(occurs(word, text) for word in words)),
            key=lambda hit: -hit[1],
        )
        assert [(hit.message_id, hit.updated_at) for hit in hits] == expected[:limit]
        for hit in hits:
            check_ranges(hit, words)


def check_ranges(hit: SearchHit, words: list[str]) -> None:
    assert hit.ranges
    assert hit.ranges == sorted(hit.ranges)
    marked = {at for start, end in hit.ranges for at in range(start, end)}
    assert len(marked) == sum(end - start for start, end in hit.ranges)
    assert marked <= set(range(len(hit.snippet)))
    for start, end in hit.ranges:
        assert any(occurs(word, hit.snippet[start:end]) for word in words)


@pytest.mark.parametrize("trigrams", [True, False])
@pytest.mark.parametrize("newest", [0, 100])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("模型", ["本地的模型", "模型量化"]),
        ("量", ["模型量化"]),
        ("化", ["模型量化"]),
        ("本地的", ["本地的模型"]),
        ("模型 量化", ["模型量化"]),
        ("模型\u3000量化", ["模型量化"]),
        ("型模", []),
        ("python", ["Python LIST"]),
        ("st", ["Python LIST"]),
        ("list PYTHON", ["Python LIST"]),
        ("100%", ["100% of a_b"]),
        ("a_b", ["100% of a_b"]),
        ("1%", []),
        ("aXb", []),
        ("NEAR(a b)", []),
        ('"quoted"', ['say "quoted" OR not']),
        ("OR", ['say "quoted" OR not']),
        ("body:say", []),
        ("say*", []),
        ("😀", ["😀 done"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_what_is_found(path: Path, query: str, expected: list[str], newest: int, trigrams: bool) -> None:
    with strategy(newest, 2_000, 60_000, trigrams), Store.open(path) as store:
        talk(store, "模型量化", "本地的模型", "Python LIST", "100% of a_b", 'say "quoted" OR not', "😀 done")
        assert matches(store, query) == expected


def test_titles_and_messages_come_newest_first_and_not_more_than_asked_for(store: Store) -> None:
    old = talk(store, "apple one", title="apple pie")
    new = talk(store, "apple two", title="no fruit")
    store.add_message(old, None, "user", "apple three")
    assert [(hit.conversation_id, hit.message_id, hit.title) for hit in store.search("apple")] == [
        (old, None, "apple pie"),
        (old, 3, "apple pie"),
        (new, 2, "no fruit"),
        (old, 1, "apple pie"),
    ]
    assert [hit.message_id for hit in store.search("apple", limit=2)] == [None, 3]
    assert store.search("apple", limit=0) == []


def test_versions_that_are_not_shown_are_found_too(store: Store) -> None:
    conversation_id = talk(store, "first wording", "second wording")
    assert [message.text for message in store.active_path(conversation_id)] == ["second wording"]
    assert matches(store, "first") == ["first wording"]


def test_an_answer_is_found_when_it_is_finished_not_before(store: Store) -> None:
    conversation_id = talk(store)
    answer = store.start_answer(conversation_id, None, "m")
    store.checkpoint(answer.id, "unfinished symphony")
    assert matches(store, "symphony") == []
    store.finish(answer.id, "unfinished symphony in b minor", status="stopped", stats={})
    assert matches(store, "symphony") == ["unfinished symphony in b minor"]
    store.resume_answer(answer.id)
    assert matches(store, "symphony") == []
    store.finish(answer.id, "finished symphony", status="complete", stats={})
    assert matches(store, "symphony") == ["finished symphony"]
    assert matches(store, "minor") == []


def test_queries_without_end(store: Store) -> None:
    talk(store, "夜" * 5000 + "x" * 5000, "word " * 3000)
    assert len(store.search("夜" * 4000)) == 1
    assert len(store.search("x" * 4000)) == 1
    assert store.search("x" * 6000) == []
    assert len(store.search("word " * 3000)) == 1
    assert store.search(" ".join(str(number) for number in range(3000))) == []
    assert len(store.search(" ".join("夜" * length for length in range(1, 300)))) == 1


@pytest.mark.parametrize(("rare", "frequent"), [(1000, 1000), (1, 1000), (1, 1)])
@pytest.mark.parametrize("query", ["信", "来信", "三封来信", "信 来信", "来信 三封来信"])
def test_older_messages_come_newest_first_whichever_way_they_are_found(
    path: Path, query: str, rare: int, frequent: int
) -> None:
    with strategy(2, rare, frequent, True), Store.open(path) as store:
        talk(store, *(f"三封来信 {number}" if number % 3 else "没有" for number in range(30)))
        every = [number + 1 for number in range(30) if number % 3][::-1]
        assert [hit.message_id for hit in store.search(query)] == every
        assert [hit.message_id for hit in store.search(query, limit=7)] == every[:7]
