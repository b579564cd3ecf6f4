"""Pictures are in the store once, whatever has them, and go away with the last message or draft that has them."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.store import ConversationTree, Store, StoreError, TreeMessage, make_daily, restore
from desktop.store.records import StoredPicture
from tests.desktop.store.processes import line_of, python


def picture(content: str, **fields: object) -> StoredPicture:
    """A picture; the store does not look into the file."""
    data = content.encode()
    stored = StoredPicture(hashlib.sha256(data).hexdigest(), "png", 640, 480, len(data), f"{content}.png", data=data)
    return replace(stored, **fields)  # type: ignore[arg-type]


def digests(store: Store) -> list[str]:
    return sorted(row[0].decode() for row in store._db.rows("SELECT data FROM picture"))


def test_a_question_keeps_its_pictures_in_order(store: Store) -> None:
    pictures = [picture("b", text="read"), picture("a", source_width=4000, source_height=3000), picture("c")]
    question = store.add_question(None, "What is this?", pictures=pictures)
    assert question.pictures == tuple(pictures)
    assert store.active_path(question.conversation_id)[0].pictures == tuple(pictures)
    assert store.picture_data(pictures[1].digest) == b"a"


def test_the_same_picture_is_stored_once(store: Store) -> None:
    first = store.add_question(None, "one", pictures=[picture("a"), picture("a", name="again.png")])
    store.add_question(None, "two", pictures=[picture("a", data=b"")])  # the store has it
    assert digests(store) == ["a"]
    assert [p.name for p in first.pictures] == ["a.png", "again.png"]


def test_a_picture_that_nobody_has_is_refused_and_nothing_is_stored(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.add_question(None, "one", pictures=[picture("a", data=b"")])
    assert caught.value.kind == "not_found"
    assert store.conversations() == []


def test_a_draft_becomes_a_question_with_its_pictures(store: Store) -> None:
    store.save_draft_pictures(None, [picture("a"), picture("b")])
    (a, b) = store.draft_pictures(None)
    store.save_draft_pictures(None, [b, a])
    assert store.draft_pictures(None) == (b, a)
    question = store.add_question(None, "one", pictures=store.draft_pictures(None))
    assert store.draft_pictures(None) == ()
    assert question.pictures == (b, a)
    assert digests(store) == ["a", "b"]


def test_a_picture_goes_with_the_last_that_has_it(store: Store) -> None:
    first = store.add_question(None, "one", pictures=[picture("a"), picture("b")])
    second = store.add_question(None, "two", pictures=[picture("b")])
    store.save_draft_pictures(second.conversation_id, [picture("c")])
    store.save_draft_pictures(None, [picture("a"), picture("d")])
    store.save_draft_pictures(None, [picture("a")])
    assert digests(store) == ["a", "b", "c"]
    store.delete_conversation(first.conversation_id)
    store.purge_deleted(older_than_s=0)
    assert digests(store) == ["a", "b", "c"]
    store.save_draft_pictures(None, ())
    assert digests(store) == ["b", "c"]
    store.delete_conversation(second.conversation_id)
    assert digests(store) == ["b", "c"]  # the deletion can be undone
    store.purge_deleted(older_than_s=0)
    assert digests(store) == []


def test_a_draft_of_a_conversation_that_is_gone_keeps_no_picture(store: Store) -> None:
    store.save_draft_pictures(99, [picture("a")])
    assert (store.draft_pictures(99), digests(store)) == ((), [])


def test_an_edited_question_has_the_same_pictures(store: Store) -> None:
    question = store.add_question(None, "What is thsi?", pictures=[picture("a")])
    assert store.add_version(question.id, "What is this?").pictures == question.pictures
    assert digests(store) == ["a"]


def test_a_persona_that_greets_takes_the_pictures_of_the_draft_along(store: Store) -> None:
    store.save_draft_pictures(None, [picture("a")])
    conversation = store.begin_conversation("Hello!")
    assert [p.name for p in store.draft_pictures(conversation)] == ["a.png"]
    assert store.draft_pictures(None) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE picture SET data = x'00'",
        "UPDATE message_picture SET text = 'other'",
        "DELETE FROM message_picture",
        "DELETE FROM picture",
    ],
)
def test_a_stored_picture_never_changes(store: Store, statement: str) -> None:
    store.add_question(None, "one", pictures=[picture("a")])
    with pytest.raises(StoreError), store._db.transaction():
        store._db.write(statement)
    assert digests(store) == ["a"]


def test_a_conversation_with_pictures_goes_into_another_store_as_a_whole(store: Store, tmp_path: Path) -> None:
    question = store.add_question(None, "one", pictures=[picture("a", text="read"), picture("b")])
    tree = store.with_picture_data(store.tree(question.conversation_id))
    with Store.open(tmp_path / "other.sqlite3") as other:
        added = other.add_tree(tree)
        assert other.active_path(added)[0].pictures == question.pictures
        assert digests(other) == ["a", "b"]
        assert other.has_tree(store.tree(question.conversation_id))


def test_a_tree_whose_pictures_are_missing_is_not_added_by_half(store: Store) -> None:
    tree = ConversationTree(messages=(TreeMessage(None, "user", "one", pictures=(picture("a", data=b""),)),))
    with pytest.raises(StoreError):
        store.add_tree(tree)
    assert store.conversations() == []


def test_a_backup_has_the_pictures(store: Store, path: Path, tmp_path: Path) -> None:
    question = store.add_question(None, "one", pictures=[picture("a")])
    copy = make_daily(path, tmp_path / "backups")
    assert copy is not None
    store.delete_conversation(question.conversation_id)
    store.purge_deleted(older_than_s=0)
    store.close()
    restore(path, copy)
    with Store.open(path) as again:
        assert again.picture_data(question.pictures[0].digest) == b"a"


def test_a_picture_that_cannot_be_read_costs_the_picture_alone(store: Store, path: Path) -> None:
    question = store.add_question(None, "one", pictures=[picture("a"), picture("b")])
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER picture_is_kept")
        connection.execute("UPDATE picture SET data = x'00' WHERE id = 1")
        connection.commit()
    with Store.open(path) as again:
        assert [m.text for m in again.active_path(question.conversation_id)] == ["one"]
        with pytest.raises(StoreError, match="picture"):
            again.picture_data(question.pictures[0].digest)
        tree = again.with_picture_data(again.tree(question.conversation_id))
        assert [p.data for p in tree.messages[0].pictures] == [b"b"]
        assert again.damage is not None


@pytest.mark.faults
def test_pictures_of_a_question_and_of_a_draft_survive_a_kill(path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from desktop.store import Store
from tests.desktop.store.test_pictures import picture
store = Store.open(Path(sys.argv[1]))
question = store.add_question(None, "one", pictures=[picture("a")])
store.save_draft_pictures(None, [picture("b")])
print(question.id, flush=True)
time.sleep(600)
"""
    with python(script, path) as process:
        question_id = int(line_of(process))
    with Store.open(path) as store:
        assert store.picture_data(store.message(question_id).pictures[0].digest) == b"a"
        assert [p.name for p in store.draft_pictures(None)] == ["b.png"]
