"""Facts stay in their order, go with the backups, and nothing is left of one that was deleted or replaced."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from desktop.store import ProjectSettings, Store, StoreError, make_daily, restore
from desktop.store.instructions.precedence import InForce


def texts(store: Store) -> list[str]:
    return [fact.text for fact in store.facts()]


def test_a_changed_fact_keeps_its_place(store: Store) -> None:
    first, second = store.add_fact("I cook for four."), store.add_fact("我吃素。")
    store.change_fact(first, "I cook for five.")
    assert texts(store) == ["I cook for five.", "我吃素。"]
    store.delete_fact(first)
    assert store.add_fact("I live in Graz.") > second
    assert texts(store) == ["我吃素。", "I live in Graz."]
    with pytest.raises(StoreError, match="fact"):
        store.change_fact(first, "again")


@pytest.mark.parametrize("remove", [Store.delete_fact, lambda store, fact: store.change_fact(fact, "I cook.")])
def test_nothing_of_a_fact_that_was_deleted_or_replaced_is_left_in_the_file_or_its_log(
    store: Store, path: Path, remove: Callable[[Store, int], None]
) -> None:
    remove(store, store.add_fact("my secret allergy"))
    for file in (path, path.with_name(f"{path.name}-wal")):
        assert not file.exists() or b"secret allergy" not in file.read_bytes()


def test_facts_are_in_the_backup(store: Store, path: Path, tmp_path: Path) -> None:
    store.add_fact("I cook for four.")
    copy = make_daily(path, tmp_path / "backups")
    assert copy is not None
    store.delete_fact(1)
    store.close()
    restore(path, copy)
    with Store.open(path) as again:
        assert texts(again) == ["I cook for four."]


def test_a_conversation_and_its_project_can_opt_out(store: Store) -> None:
    project = store.create_project(ProjectSettings("Work", uses_facts=False)).id
    chat = store.create_conversation().id
    assert store.uses_facts_of(store.conversation(chat)) == InForce(True, "general")
    store.set_project(chat, project)
    assert store.uses_facts_of(store.conversation(chat)) == InForce(False, "project")
    store.set_uses_facts(chat, True)
    assert store.uses_facts_of(store.conversation(chat)) == InForce(True, "conversation")


def test_a_fact_that_is_no_utf8_is_shown_with_marks(path: Path) -> None:
    with Store.open(path) as store:
        store.add_fact("one")
        store.add_fact("two")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE fact SET text = CAST(X'C328' AS TEXT) WHERE id = 1")
    with Store.open(path) as store:
        assert texts(store) == ["\ufffd(", "two"]
