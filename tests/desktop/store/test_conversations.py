"""The list, the settings of a conversation, deleting, restoring and purging."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from desktop.store import ConversationSummary, Store, StoreError


def titles(rows: list[ConversationSummary]) -> list[str]:
    return [row.title for row in rows]


def test_a_new_conversation_has_what_it_was_given_and_sensible_defaults(store: Store) -> None:
    created = store.create_conversation(title="旅行", system_prompt="Be brief.", model="starter")
    assert (created.title, created.system_prompt, created.model) == ("旅行", "Be brief.", "starter")
    assert created.title_is_auto
    assert not created.pinned
    assert created.overflow == "refuse"
    assert created.active_leaf is None
    assert created.left_out == ()
    assert created == store.conversation(created.id)


def test_the_list_has_pinned_ones_first_then_the_newest_message(store: Store) -> None:
    ids = [store.create_conversation(title=title).id for title in "abcd"]
    store.add_message(ids[0], None, "user", "later than all")
    store.set_pinned(ids[1], True)
    store.rename(ids[2], "c, renamed")
    assert titles(store.conversations()) == ["b", "a", "d", "c, renamed"]
    store.set_pinned(ids[1], False)
    assert titles(store.conversations()) == ["a", "d", "c, renamed", "b"]


def test_pages_of_the_list_join_without_gap_or_repetition(path: Path) -> None:
    # A clock that stands still: the order is that of creation, newest first.
    with Store.open(path, clock=lambda: 5.0) as store:
        for number in range(25):
            created = store.create_conversation(title=str(number))
            store.set_pinned(created.id, number % 4 == 0)
        whole = store.conversations()
        pages: list[ConversationSummary] = []
        while page := store.conversations(limit=4, before=pages[-1] if pages else None):
            pages += page
    assert pages == whole
    assert len(whole) == 25


@pytest.mark.parametrize(
    ("method", "value", "field"),
    [
        ("set_pinned", True, "pinned"),
        ("set_system_prompt", "说中文", "system_prompt"),
        ("set_model", "belle-7b", "model"),
        ("set_overflow", "drop_oldest", "overflow"),
        ("set_overflow", "cut_middle", "overflow"),
        ("set_overflow", "summarise", "overflow"),
        ("set_left_out", (2, 3, 5), "left_out"),
    ],
)
def test_each_setting_is_kept(path: Path, method: str, value: Any, field: str) -> None:
    with Store.open(path) as store:
        before = store.create_conversation(title="x")
        getattr(store, method)(before.id, value)
    with Store.open(path) as store:
        assert store.conversation(before.id) == dataclasses.replace(before, **{field: value})


def test_a_title_of_the_programs_own_never_replaces_that_of_a_person(store: Store) -> None:
    created = store.create_conversation()
    store.rename(created.id, "first question", auto=True)
    assert store.conversation(created.id).title_is_auto
    store.rename(created.id, "mine")
    store.rename(created.id, "second guess", auto=True)
    assert store.conversation(created.id).title == "mine"
    assert not store.conversation(created.id).title_is_auto


def test_another_context_policy_starts_with_nothing_left_out(store: Store) -> None:
    one = store.create_conversation(overflow="drop_oldest").id
    store.set_left_out(one, [4, 2])
    store.set_overflow(one, "drop_oldest")
    assert store.conversation(one).left_out == (2, 4)
    store.set_overflow(one, "summarise")
    assert store.conversation(one).left_out == ()


def test_a_deleted_conversation_is_nowhere_until_it_is_brought_back(store: Store) -> None:
    created = store.create_conversation(title="secret plans")
    store.add_message(created.id, None, "user", "meet at noon")
    before = store.conversation(created.id)
    store.delete_conversation(created.id)
    assert store.conversations() == []
    assert store.search("secret") == store.search("noon") == []
    for use in (store.conversation, store.active_path, lambda id_: store.rename(id_, "x")):
        with pytest.raises(StoreError) as caught:
            use(created.id)
        assert caught.value.kind == "not_found"
    store.restore_conversation(created.id)
    assert store.conversation(created.id) == before
    assert [hit.message_id for hit in store.search("noon")] == [1]


def test_an_answer_goes_on_being_written_in_a_deleted_conversation(store: Store) -> None:
    created = store.create_conversation()
    answer = store.start_answer(created.id, None, "m")
    store.delete_conversation(created.id)
    store.checkpoint(answer.id, "half")
    store.finish(answer.id, "half and half", status="complete", stats={})
    store.restore_conversation(created.id)
    assert [message.text for message in store.active_path(created.id)] == ["half and half"]


def test_purge_removes_only_what_was_deleted_long_enough_ago(store: Store, clock: Any) -> None:
    old, recent, visible = (store.create_conversation(title=title) for title in ("old", "recent", "kept"))
    for conversation in (old, recent, visible):
        store.add_message(conversation.id, None, "user", f"in {conversation.title}")
    store.delete_conversation(old.id)
    clock.now += 1000
    store.delete_conversation(recent.id)
    assert store.purge_deleted(older_than_s=500) == 1
    assert store.purge_deleted(older_than_s=500) == 0
    store.restore_conversation(recent.id)
    assert titles(store.conversations()) == ["kept", "recent"]
    with pytest.raises(StoreError) as caught:
        store.restore_conversation(old.id)
    assert caught.value.kind == "not_found"


def test_purge_removes_what_was_deleted_by_a_clock_that_was_ahead(store: Store, clock: Any) -> None:
    conversation = store.create_conversation(title="gone")
    clock.now += 400 * 86_400
    store.delete_conversation(conversation.id)
    clock.now -= 400 * 86_400
    assert store.purge_deleted(older_than_s=500) == 0
    assert store.purge_deleted(older_than_s=0) == 1


def test_purge_leaves_no_byte_of_the_text_in_any_file(path: Path) -> None:
    secret = "zyxwvut-secret-機密事項"
    with Store.open(path) as store:
        other = store.create_conversation(title="kept")
        gone = store.create_conversation(title=secret, system_prompt=secret)
        parent = None
        for number in range(30):
            parent = store.add_message(gone.id, parent, "user", f"{secret} {number} " * 50).id
            store.add_message(other.id, None, "user", f"harmless {number}")
        store.delete_conversation(gone.id)
        assert store.purge_deleted(older_than_s=0) == 1
        # While the file is open: the log beside it counts as well.
        for file in path.parent.iterdir():
            content = file.read_bytes()
            for trace in (secret, "機密事項", "xwv"):
                assert trace.encode() not in content, file
        assert len(store.search("harmless")) == 30


def test_purge_of_a_very_long_conversation(store: Store) -> None:
    # Longer than the depth to which SQLite follows a chain of cascades (1,000).
    created = store.create_conversation()
    with store._db.transaction():
        for number in range(1, 1501):
            store._db.write(
                "INSERT INTO message (id, conversation_id, parent_id, role, status, created_at, text)"
                " VALUES (?, ?, ?, 'user', 'complete', 0, 'x')",
                *(number, created.id, number - 1 or None),
            )
    store.delete_conversation(created.id)
    assert store.purge_deleted(older_than_s=0) == 1
    assert store._db.rows("SELECT count(*) FROM message") == [(0,)]
