"""A summary is valid where the last message that it covers is on the path, whatever is edited or shown instead."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.engine.process import commands
from desktop.store import Store, StoreError
from desktop.store.records import Overflow
from tests.desktop.store.conftest import Clock
from tests.desktop.store.test_damage import change, pages_of, spoil


def talk(store: Store, length: int = 8) -> list[int]:
    """The ids of the messages of a new conversation."""
    conversation = store.create_conversation().id
    ids: list[int] = []
    for number in range(length):
        role = "assistant" if number % 2 else "user"
        ids.append(store.add_message(conversation, ids[-1] if ids else None, role, f"text {number}").id)
    return ids


def shown(store: Store, conversation: int = 1) -> list[int]:
    return [message.id for message in store.active_path(conversation)]


def test_the_policies_are_those_of_the_engine() -> None:
    assert set(get_args(Overflow)) == set(get_args(commands.Overflow))


def test_a_summary_is_kept(path: Path, clock: Clock) -> None:
    with Store.open(path, clock=clock) as store:
        ids = talk(store)
        store.save_summary(ids[:2], "one")
        store.save_summary([ids[3], ids[0], ids[1]], "two")  # a pinned message between them is not covered
    with Store.open(path) as store:
        first, second = store.summaries(ids)
    assert (first.message_id, first.covers, first.text) == (ids[1], tuple(ids[:2]), "one")
    assert (second.message_id, second.covers, second.text) == (ids[3], (ids[0], ids[1], ids[3]), "two")
    assert first.created_at < second.created_at


def test_an_edit_further_up_falls_back_to_an_earlier_summary(store: Store) -> None:
    ids = talk(store)
    store.save_summary(ids[:2], "one")
    store.save_summary(ids[:4], "two")
    assert [s.text for s in store.summaries(shown(store))] == ["one", "two"]
    store.add_version(ids[2], "another question")
    assert [s.text for s in store.summaries(shown(store))] == ["one"]
    store.add_version(ids[0], "another beginning")
    assert store.summaries(shown(store)) == []
    store.show(ids[-1])
    assert [s.text for s in store.summaries(shown(store))] == ["one", "two"]


def test_a_summary_is_the_persons_to_correct_and_to_delete(store: Store) -> None:
    ids = talk(store)
    store.save_summary(ids[:2], "one")
    store.save_summary(ids[:4], "two")
    store.edit_summary(ids[3], "as I say")
    assert store.summaries(ids)[-1].text == "as I say"
    store.save_summary(ids[:4], "made again")
    assert [s.text for s in store.summaries(ids)] == ["one", "made again"]
    store.delete_summaries(ids)
    assert store.summaries(ids) == []
    with pytest.raises(StoreError, match="no summary") as caught:
        store.edit_summary(ids[3], "too late")
    assert caught.value.kind == "not_found"


def test_a_purged_conversation_takes_its_summaries_along_and_no_others(store: Store, path: Path) -> None:
    ids, others = talk(store), talk(store)
    store.save_summary(ids[:2], "SECRETWORD")
    store.save_summary(others[:2], "stays")
    assert store.search("SECRETWORD") == []
    store.delete_conversation(1)
    store.purge_deleted(older_than_s=-1)
    assert store._db.rows("SELECT text FROM summary") == [("stays",)]
    assert b"SECRETWORD" not in path.read_bytes()


@pytest.mark.parametrize("covers", ["", "{", "{}", "[1.5]", "[true]", '["1"]', "null", "[]", "[77, 1, 2]"])
def test_a_summary_of_unreadable_messages_is_not_used(path: Path, covers: str) -> None:
    with Store.open(path) as store:
        ids = talk(store)
        store.save_summary(ids[:2], "one")
        store.save_summary(ids[:4], "two")
    change(path, f"UPDATE summary SET covers = '{covers}' WHERE message_id = {ids[3]}")
    with Store.open(path) as store:
        assert [s.text for s in store.summaries(ids)] == ["one"]


@pytest.mark.parametrize("value", ["[1", "7", "null", '["a"]', "nonsense"])
def test_a_list_of_messages_left_out_that_is_unreadable_is_empty(path: Path, value: str) -> None:
    with Store.open(path) as store:
        talk(store)
    change(path, f"UPDATE conversation SET left_out = '{value}', overflow = 'unheard of'")
    with Store.open(path) as store:
        assert (store.conversation(1).left_out, store.conversation(1).overflow) == ((), "refuse")
        assert len(store.active_path(1)) == 8


def test_an_unreadable_page_of_summaries_costs_the_summaries_on_it(path: Path) -> None:
    with Store.open(path) as store:
        ids = talk(store, 60)
        for end in range(2, 60):
            store.save_summary(ids[:end], f"{end} " + "word " * 200)
    pages = pages_of(path, "summary")
    for page in pages[len(pages) // 2 :]:
        spoil(path, page)
    with Store.open(path) as store:
        assert 10 < len(store.summaries(ids)) < 58
        assert store.damage is not None
        assert len(store.active_path(1)) == 60


def test_a_pinned_message_stays_pinned_through_an_edit(path: Path) -> None:
    with Store.open(path) as store:
        ids = talk(store)
        store.set_message_pinned(ids[2], True)
        assert [m.pinned for m in store.active_path(1)] == [n == 2 for n in range(8)]
        edited = store.add_version(ids[2], "another")
        assert edited.pinned
        assert not store.add_version(ids[0], "unpinned").pinned
    with Store.open(path) as store:
        assert store.message(edited.id).pinned
        store.set_message_pinned(edited.id, False)
        assert not store.message(edited.id).pinned
        assert store.message(ids[2]).pinned
        with pytest.raises(StoreError):
            store.set_message_pinned(999, True)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("say"), st.just(0)),
            st.tuples(st.just("edit"), st.integers(0, 30)),
            st.tuples(st.just("show"), st.integers(0, 30)),
            st.tuples(st.just("summarise"), st.integers(0, 30)),
        ),
        max_size=25,
    )
)
def test_whatever_is_shown_its_summaries_cover_the_beginning_of_the_path(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "s.sqlite3")) as store:
        conversation = store.create_conversation().id
        ids: list[int] = []
        summarised: set[tuple[int, ...]] = set()
        for what, number in steps:
            path = shown(store, conversation)
            if what == "say" or not path:
                ids.append(store.add_message(conversation, path[-1] if path else None, "user", "text").id)
            elif what == "edit":
                ids.append(store.add_version(path[number % len(path)], "another").id)
            elif what == "show":
                store.show(ids[number % len(ids)])
            else:
                covered = tuple(path[: number % len(path) + 1])
                store.save_summary(covered, "summary")
                summarised.add(covered)
            path = shown(store, conversation)
            expected = {covered for covered in summarised if list(covered) == path[: len(covered)]}
            assert [s.covers for s in store.summaries(path)] == sorted(expected, key=len)
