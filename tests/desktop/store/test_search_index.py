"""The search index always agrees with the messages, and search works without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.store import Store, StoreError, search, search_index


def check_in_step(store: Store) -> None:
    """FTS5 itself compares the index with the texts; raises StoreError `damaged` when they differ."""
    with store._db.transaction():
        store._db.write("INSERT INTO message_index (message_index, rank) VALUES ('integrity-check', 1)")


@pytest.fixture(autouse=True)
def _always_ask_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_NEWEST", 0)


def test_it_follows_every_kind_of_change(path: Path) -> None:
    with Store.open(path) as store:
        removed, other = store.create_conversation().id, store.create_conversation().id
        for conversation_id in (removed, other):
            question = store.add_message(conversation_id, None, "user", "什么是量化？")
            answer = store.start_answer(conversation_id, question.id, "m")
            store.checkpoint(answer.id, "Quantization is")
            check_in_step(store)
            store.finish(answer.id, "Quantization is …", status="length", stats={})
            check_in_step(store)
            store.resume_answer(answer.id)
            check_in_step(store)
            store.checkpoint(answer.id, "Quantization is rounding.")
        store.delete_conversation(removed)
        check_in_step(store)
    with Store.open(path) as store:
        check_in_step(store)
        assert store.purge_deleted(older_than_s=0) == 1
        check_in_step(store)
        assert [hit.message_id for hit in store.search("rounding")] == [4]
        assert [hit.message_id for hit in store.search("量化")] == [3]


def test_checkpoints_do_not_touch_it(store: Store) -> None:
    answer = store.start_answer(store.create_conversation().id, None, "m")
    before = store._db.rows("SELECT id, block FROM message_index_data")
    store.checkpoint(answer.id, "some text " * 100)
    assert store._db.rows("SELECT id, block FROM message_index_data") == before


def test_a_file_used_without_trigrams_is_indexed_at_the_next_open_with_them(path: Path) -> None:
    with Store.open(path) as store:
        conversation_id = store.create_conversation().id
        store.add_message(conversation_id, None, "user", "一号消息")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_index, "has_trigrams", lambda _connection: False)
        with Store.open(path) as store:
            assert not store._db.has_index
            store.add_message(conversation_id, None, "user", "二号消息")
            assert len(store.search("号消息")) == 2
    with Store.open(path) as store:
        assert store._db.has_index
        check_in_step(store)
        assert len(store.search("号消息")) == 2


DAMAGE = [
    "UPDATE message_index_data SET block = x'DEADBEEF' WHERE id > 10",  # what the words are kept in
    "DELETE FROM message_index_data",  # what FTS5 reads first
]


def damaged(path: Path, damage: str) -> int:
    """A conversation with a message, in a file whose index is damaged; its id."""
    with Store.open(path) as store:
        conversation_id = store.create_conversation().id
        store.add_message(conversation_id, None, "user", "before the damage")
        with store._db.transaction():
            store._db.write(damage)
    return conversation_id


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_costs_neither_messages_nor_search(path: Path, damage: str) -> None:
    conversation_id = damaged(path, damage)
    with Store.open(path) as store:
        assert [hit.snippet for hit in store.search("damage")] == ["before the damage"]
        store.add_message(conversation_id, None, "user", "after the damage")
        assert len(store.search("damage")) == 2
    with Store.open(path) as store:
        assert len(store.search("damage")) == 2


def test_a_damaged_index_is_made_anew_by_the_next_open(path: Path) -> None:
    damaged(path, DAMAGE[0])
    with Store.open(path) as store:
        assert len(store.search("damage")) == 1
    with Store.open(path) as store:
        assert store._db.has_index
        check_in_step(store)


def test_a_damaged_index_is_put_aside_when_it_is_in_the_way_of_a_message(path: Path) -> None:
    conversation_id = damaged(path, DAMAGE[0])
    with Store.open(path) as store:
        # FTS5 looks into what it has when it must merge: a purge makes it do so.
        answer = store.start_answer(conversation_id, None, "m")
        store.finish(answer.id, "after", status="complete", stats={})
        with pytest.raises(StoreError) as caught, store._db.transaction():
            store._db.write("INSERT INTO message_index (message_index) VALUES ('optimize')")
        assert caught.value.kind == "damaged"
        assert [hit.snippet for hit in store.search("after")] == ["after"]
        assert store.add_message(conversation_id, None, "user", "and on").text == "and on"
    with Store.open(path) as store:
        check_in_step(store)
        assert len(store.search("after")) == 1
