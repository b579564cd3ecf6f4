"""A file of any version is migrated to the newest one, and a failure on the way loses nothing."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from desktop.store import ConversationTree, Persona, ProjectSettings, Store, StoreError, TreeMessage
from desktop.store.migrations import MAX_MIGRATION_BACKUPS, MIGRATIONS, migration_backups
from desktop.store.records import StoredAttachment, StoredStrategy
from desktop.store.schema import APPLICATION_ID
from tests.desktop.store.processes import line_of, python

VERSION_1 = MIGRATIONS[:1]


def add_note(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE conversation ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")
    connection.execute("UPDATE conversation SET title = title || '!'")


def nothing(_connection: sqlite3.Connection) -> None:
    pass


def fail_halfway(connection: sqlite3.Connection) -> None:
    add_note(connection)
    connection.execute("DROP INDEX message_children")
    raise RuntimeError("halfway")


def lose_a_parent(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER conversation_is_removed_after_deletion")
    connection.execute("DELETE FROM conversation WHERE id = 1")


def content(path: Path) -> list[str]:
    """The whole content of a file, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [f"version {version}", *connection.iterdump()]


def as_version_wrote_it(version: int, path: Path) -> Path:
    """A file of an earlier version, at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(Path(__file__).with_name(f"version_{version}.sql").read_text(encoding="utf-8"))
        connection.executescript(f"PRAGMA user_version = {version}; PRAGMA application_id = {APPLICATION_ID};")
    return path


def title(store: Store) -> str:
    """The title of the first conversation, of a file whose version need not be that of today."""
    ((found,),) = store._db.rows("SELECT title FROM conversation WHERE id = 1")
    return str(found)


@pytest.fixture
def old(path: Path) -> Path:
    """A file of version 1."""
    return as_version_wrote_it(1, path)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_version_is_published_and_never_changes(version: int, tmp_path: Path) -> None:
    def schema(path: Path) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(
                "SELECT name, sql FROM sqlite_master"
                " WHERE name NOT LIKE 'message_index%' AND sql NOT NULL ORDER BY name"
            ).fetchall()

    new = tmp_path / "new.sqlite3"
    Store.open(new, migrations=MIGRATIONS[:version]).close()
    assert schema(new) == schema(as_version_wrote_it(version, tmp_path / "old.sqlite3"))


def test_a_file_of_version_1_opens_with_all_that_is_in_it(old: Path) -> None:
    with Store.open(old) as store:
        assert [row.title for row in store.conversations()] == ["pinned", "量化是什么"]
        question, answer = store.active_path(1)
        assert question.text == "量化是什么？"
        assert answer.stats == {"tokens_per_s": 41.5}
        assert (answer.sibling_index, answer.sibling_count) == (0, 2)
        assert store.recovered == [5]
        assert [hit.message_id for hit in store.search("位数")] == [3]
        store.restore_conversation(2)
        assert store.active_path(2)[0].text == "gone"
    assert len(migration_backups(old)) == 1


def test_a_file_of_version_1_gets_room_for_drafts_and_thinking(old: Path) -> None:
    with Store.open(old) as store:
        assert (store.draft(None), store.new_system_prompt(), store.edits(1)) == ("", "", {})
        assert {(m.thinking, m.thinking_seconds) for m in store.active_path(1)} == {("", None)}
        store.save_draft(1, "还有")
        store.save_edit(1, "量化是什么意思？")
    with Store.open(old) as store:
        assert (store.draft(1), store.edits(1)) == ("还有", {1: "量化是什么意思？"})


def test_a_file_of_version_2_opens_with_all_that_is_in_it(path: Path) -> None:
    with Store.open(as_version_wrote_it(2, path)) as store:
        assert store.recovered == [5]
        assert (store.message(5).thinking, store.message(5).thinking_seconds) == ("The person asks what it is.", 1.5)
        assert [store.draft(chat) for chat in (None, 1, 3)] == ["a new question", "还有", ""]
        assert store.new_system_prompt() == "Be brief."
        assert store.edits(1) == {1: "量化是什么意思？"}
        assert [hit.message_id for hit in store.search("位数")] == [3]


def test_a_file_of_version_3_opens_with_what_was_being_typed(path: Path) -> None:
    with Store.open(as_version_wrote_it(3, path)) as store:
        assert [store.typed_text("title", chat) for chat in (None, 1, 3)] == [
            None,
            "量化与位数",
            None,
        ]
        assert [store.typed_text("system_prompt", chat) for chat in (None, 1)] == [
            "Be brief, and",
            None,
        ]


def test_a_file_of_version_3_knows_of_no_imports(path: Path) -> None:
    with Store.open(as_version_wrote_it(3, path)) as store:
        assert store._db.rows("SELECT DISTINCT imported_from FROM conversation") == [("",)]
        assert not store.has_tree(ConversationTree(messages=(TreeMessage(None, "user", "new"),)), imported_from="a")


def test_a_file_of_version_4_knows_what_was_imported(path: Path) -> None:
    with Store.open(as_version_wrote_it(4, path)) as store:
        assert store.has_tree(ConversationTree(messages=()), imported_from="chatgpt:5e2a")


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_the_start_of_the_context_becomes_the_messages_before_it_on_the_path(version: int, path: Path) -> None:
    with closing(sqlite3.connect(as_version_wrote_it(version, path))) as connection:
        connection.execute("UPDATE conversation SET context_start = 2, overflow = 'drop_oldest' WHERE id = 1")
        connection.execute("UPDATE conversation SET context_start = 5 WHERE id = 3")
        connection.commit()
    with Store.open(path) as store:
        policies = [(store.conversation(n).overflow, store.conversation(n).left_out) for n in (1, 3)]
        assert policies == [("drop_oldest", (1,)), ("refuse", ())]
        assert not any(message.pinned for message in store.active_path(1))
        assert store.summaries([1, 2]) == []
        store.set_overflow(1, "summarise")


def test_a_file_of_version_5_opens_with_its_context_policies(path: Path) -> None:
    with Store.open(as_version_wrote_it(5, path)) as store:
        conversation = store.conversation(1)
        assert (conversation.overflow, conversation.left_out) == ("summarise", (1, 2))
        assert [m.pinned for m in store.active_path(1)] == [True, False, False]
        (summary,) = store.summaries([1, 2, 6])
        assert (summary.covers, summary.text) == ((1, 2), "量化减少位数。")


def test_a_file_of_version_6_opens_with_its_attachments(path: Path) -> None:
    with Store.open(as_version_wrote_it(6, path)) as store:
        assert store.message(6).attachments == (StoredAttachment("雨.md", 12, "Rain.", 3),)
        assert store.message(5).attachments == ()
        assert store.projects() == []
        assert {row.project_id for row in store.conversations()} == {None}


def test_a_file_of_version_7_opens_with_the_attachments_of_its_drafts(path: Path) -> None:
    with Store.open(as_version_wrote_it(7, path)) as store:
        assert store.draft_attachments(None) == (StoredAttachment("雪.md", 9, "Snow."),)
        assert (store.draft_attachments(1), store.draft(1)) == ((), "还有")


def test_a_file_of_version_8_opens_with_its_projects(path: Path) -> None:
    with Store.open(as_version_wrote_it(8, path)) as store:
        (project,) = store.projects()
        assert project.settings == ProjectSettings("论文", "Be strict.", "starter", "/papers")
        assert project.collapsed
        assert [row.title for row in store.conversations(project_id=1)] == ["量化是什么"]
        assert store.conversation(1).own_model == "belle-7b-2m"
        assert store.new_project() == 1
        assert store.personas() == []
        assert store.conversation(1).sampling == {}


def test_a_file_of_version_9_opens_with_its_personas(path: Path) -> None:
    with Store.open(as_version_wrote_it(9, path)) as store:
        assert [stored.persona for stored in store.personas()] == [
            Persona("老师", "Teach.", "Hello!", {"temperature": 0.3})
        ]
        assert store.conversation(1).sampling == {"top_p": 0.9}
        assert store.project(1).settings.sampling == {"temperature": 0.1}
        assert store.facts() == []
        assert (store.conversation(1).uses_facts, store.project(1).settings.uses_facts) == (None, None)


def test_a_file_of_version_10_opens_with_its_facts(path: Path) -> None:
    with Store.open(as_version_wrote_it(10, path)) as store:
        assert [fact.text for fact in store.facts()] == ["我吃素。"]
        assert (store.conversation(1).uses_facts, store.project(1).settings.uses_facts) == (False, True)
        assert store.conversation(1).strategy == StoredStrategy()


def test_a_file_of_version_11_opens_with_its_strategies(path: Path) -> None:
    with Store.open(as_version_wrote_it(11, path)) as store:
        assert store.conversation(1).strategy == StoredStrategy("raise", "starter", {"预算": "400 元"}, 2)


@pytest.mark.parametrize("version", range(1, 7))
def test_an_earlier_file_gets_room_for_the_attachments_of_drafts(version: int, path: Path) -> None:
    with Store.open(as_version_wrote_it(version, path)) as store:
        assert store.draft_attachments(None) == store.draft_attachments(1) == ()
        store.save_draft_attachments(1, [StoredAttachment("雨.md", 12, "Rain.", 3)])
    with Store.open(path) as store:
        assert store.draft_attachments(1) == (StoredAttachment("雨.md", 12, "Rain.", 3),)


def test_a_migration_keeps_a_copy_of_the_file_as_it_was(old: Path) -> None:
    before = content(old)
    with Store.open(old, migrations=(*VERSION_1, add_note)) as store:
        assert title(store) == "量化是什么!"
        assert store._db.rows("SELECT DISTINCT note FROM conversation") == [("none",)]
        assert store._db.rows("PRAGMA user_version") == [(2,)]
        assert store._db.rows("PRAGMA foreign_keys") == [(1,)]
    (copy,) = migration_backups(old)
    assert copy.name.startswith(f"{old.name}.version-1.{time.strftime('%Y')}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert content(copy) == before
    assert sorted(file.name for file in old.parent.iterdir()) == sorted([old.name, f"{old.name}.lock", copy.name])


def test_a_copy_can_take_the_place_of_the_file(old: Path) -> None:
    Store.open(old, migrations=(*VERSION_1, add_note)).close()
    (copy,) = migration_backups(old)
    copy.replace(old)
    with Store.open(old, migrations=VERSION_1) as store:
        assert title(store) == "量化是什么"


def test_many_steps_at_once_need_one_copy_of_the_file_as_it_was(old: Path) -> None:
    before = content(old)
    with Store.open(old, migrations=(*VERSION_1, add_note, nothing, nothing, nothing, nothing)) as store:
        assert title(store) == "量化是什么!"
    assert [content(copy) for copy in migration_backups(old)] == [before]


def test_each_step_is_taken_once_and_the_last_copies_are_kept(old: Path) -> None:
    steps = (*VERSION_1, add_note, nothing, nothing, nothing, nothing)
    for number in range(2, len(steps) + 1):
        Store.open(old, migrations=steps[:number]).close()
    with Store.open(old, migrations=steps) as store:
        assert title(store) == "量化是什么!"
    assert len(migration_backups(old)) == MAX_MIGRATION_BACKUPS
    assert [content(copy)[0] for copy in migration_backups(old)] == ["version 5", "version 4", "version 3"]


@pytest.mark.parametrize(("step", "error"), [(fail_halfway, RuntimeError), (lose_a_parent, StoreError)])
def test_a_step_that_fails_leaves_the_file_as_it_was(old: Path, step: object, error: type[Exception]) -> None:
    Store.open(old, migrations=VERSION_1).close()
    before = content(old)
    for _ in range(3):
        with pytest.raises(error):
            Store.open(old, migrations=(*VERSION_1, step))  # type: ignore[arg-type]
        assert content(old) == before
    assert [content(copy) for copy in migration_backups(old)] == [before]
    with Store.open(old, migrations=VERSION_1) as store:
        assert title(store) == "量化是什么"


def test_the_steps_before_a_failing_one_remain(old: Path) -> None:
    with pytest.raises(RuntimeError):
        Store.open(old, migrations=(*VERSION_1, nothing, fail_halfway))
    assert content(old)[0] == "version 2"


def test_no_migration_without_a_copy(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(old)

    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError) as caught:
        Store.open(old, migrations=(*VERSION_1, add_note))
    assert caught.value.kind == "disk_full"
    assert content(old) == before
    assert migration_backups(old) == []
    assert not list(old.parent.glob("*.partial"))


@pytest.mark.faults
def test_a_migration_that_is_killed_has_not_happened(old: Path) -> None:
    Store.open(old, migrations=VERSION_1).close()
    before = content(old)
    script = """
import sys, time
from pathlib import Path
from desktop.store import Store
from tests.desktop.store.test_migrations import VERSION_1, add_note

def slow(connection):
    add_note(connection)
    connection.execute("PRAGMA cache_size = 1")  # what is changed goes to the disk before it is committed
    connection.execute("UPDATE conversation SET system_prompt = hex(randomblob(100000))")
    print("changed", flush=True)
    time.sleep(600)

Store.open(Path(sys.argv[1]), migrations=(*VERSION_1, slow))
"""
    with python(script, old) as process:
        assert line_of(process) == "changed"
    assert [content(copy) for copy in migration_backups(old)] == [before]
    with Store.open(old, migrations=(*VERSION_1, add_note)) as store:
        assert title(store) == "量化是什么!"


def test_a_newer_file_is_refused_and_not_a_byte_of_it_changes(old: Path) -> None:
    Store.open(old, migrations=(*VERSION_1, nothing, nothing)).close()
    before = old.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store.open(old, migrations=VERSION_1)
    assert caught.value.kind == "newer_schema"
    assert caught.value.details == {"path": str(old), "found": 3, "known": 1}
    assert "3" in str(caught.value)
    assert "newer ChatBELLE" in str(caught.value)
    assert old.read_bytes() == before


@pytest.mark.faults
def test_a_newer_file_is_known_also_by_what_is_only_in_its_log(path: Path) -> None:
    # The version is in the log, not yet in the file, when the newer program was killed.
    script = """
import sys, time
from pathlib import Path
from desktop.store import Store
from tests.desktop.store.test_migrations import VERSION_1, nothing
store = Store.open(Path(sys.argv[1]), migrations=(*VERSION_1, nothing))
with store._db.transaction():
    store._db.write("INSERT INTO conversation (title, created_at, updated_at) VALUES ('of tomorrow', 0, 0)")
print("written", flush=True)
time.sleep(600)
"""
    with python(script, path) as process:
        assert line_of(process) == "written"
    log = path.with_name(f"{path.name}-wal")
    before = path.read_bytes(), log.read_bytes()
    assert log.stat().st_size > 0
    with pytest.raises(StoreError) as caught:
        Store.open(path, migrations=VERSION_1)
    assert caught.value.kind == "newer_schema"
    assert (path.read_bytes(), log.read_bytes()) == before
    with Store.open(path, migrations=(*VERSION_1, nothing)) as store:
        assert title(store) == "of tomorrow"


def test_a_file_of_version_11_gets_room_for_pictures(path: Path) -> None:
    with Store.open(as_version_wrote_it(11, path)) as store:
        assert {message.pictures for message in store.active_path(1)} == {()}
        assert store.draft_pictures(None) == ()


def test_a_file_of_version_12_opens_with_its_pictures(path: Path) -> None:
    with Store.open(as_version_wrote_it(12, path)) as store:
        (picture,) = store.message(1).pictures
        assert (picture.name, picture.text, picture.kind, picture.width, picture.source_width) == (
            *("dot.png", "一点", "png"),
            *(1, 4000),
        )
        assert store.picture_data(picture.digest).startswith(b"\x89PNG")
        assert [draft.name for draft in store.draft_pictures(None)] == ["dot.png"]
