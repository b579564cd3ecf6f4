"""A file that cannot be used is refused with the right error and is not changed."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from desktop.store import Store, StoreError, database
from tests.desktop.store.processes import line_of, python

NOISE = random.Random(1).randbytes(100_000)


def refused(path: Path) -> StoreError:
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    assert str(path) in caught.value.message or "SQLite" in caught.value.message
    assert caught.value.advice
    return caught.value


def some_store(path: Path, messages: int = 50) -> None:
    with Store.open(path) as store:
        conversation_id = store.create_conversation(title="kept").id
        for number in range(messages):
            store.add_message(conversation_id, None, "user", f"message {number} " * 40)


def test_a_new_store_is_for_its_owner_only(path: Path) -> None:
    with Store.open(path) as store:
        store.create_conversation()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {path.name, f"{path.name}-wal"} < set(modes)
    path.chmod(0o644)
    Store.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_promised_of_the_connection(store: Store) -> None:
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "secure_delete": 1, "busy_timeout": 2000}
    assert {name: store._db.rows(f"PRAGMA {name}")[0][0] for name in wanted} == wanted
    with store._db.transaction(durable=False):
        assert store._db.rows("PRAGMA synchronous") == [(1,)]
    assert store._db.rows("PRAGMA synchronous") == [(2,)]


def test_closing_twice_and_opening_again(path: Path) -> None:
    for _ in range(3):
        store = Store.open(path)
        store.create_conversation()
        store.close()
        store.close()
    assert [file.name for file in sorted(path.parent.iterdir())] == [path.name, f"{path.name}.lock"]


def test_an_empty_file_is_a_new_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Store.open(path) as store:
        store.create_conversation(title="first")
    with Store.open(path) as store:
        assert len(store.conversations()) == 1


@pytest.mark.parametrize(
    "content",
    [b"x", NOISE[:100], NOISE, b"\0" * 8192, b"SQLite format 2\0" * 999],
    ids=["a byte", "some bytes", "many bytes", "zeros", "SQLite 2"],
)
def test_a_file_of_something_else(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert refused(path).kind == "not_a_store"
    assert path.read_bytes() == content


def test_a_database_of_another_program(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    assert refused(path).kind == "not_a_store"
    assert path.read_bytes() == before


def test_a_folder_in_place_of_the_file(path: Path) -> None:
    path.mkdir(parents=True)
    assert refused(path).kind == "not_a_store"
    assert path.is_dir()


def test_a_file_in_place_of_the_folder(path: Path) -> None:
    path.parent.write_text("I am a file")
    assert refused(path).kind == "io_error"
    assert path.parent.read_text() == "I am a file"


@pytest.mark.parametrize("size", [17, 100, 4096, 5000, 0.5, 0.98])
def test_a_file_cut_short(path: Path, size: float) -> None:
    some_store(path)
    whole = path.read_bytes()
    cut = whole[: int(size if size > 1 else len(whole) * size)]
    path.write_bytes(cut)
    error = refused(path)
    assert error.kind == "damaged"
    assert "Nothing was changed" in error.advice
    assert path.read_bytes() == cut


def test_a_file_with_pages_overwritten_is_found_out_in_use(path: Path) -> None:
    some_store(path)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    whole = bytearray(path.read_bytes())
    whole[(page - 1) * 4096 : page * 4096] = os.urandom(4096)
    path.write_bytes(whole)
    with Store.open(path) as store, pytest.raises(StoreError) as caught:
        store.active_path(1)
    assert caught.value.kind == "damaged"


@pytest.mark.faults
def test_after_a_crash_the_file_is_looked_through_before_it_is_used(path: Path) -> None:
    some_store(path)
    script = """
import sys, time
from pathlib import Path
from desktop.store import Store
store = Store.open(Path(sys.argv[1]))
store.create_conversation(title="last")
print("written", flush=True)
time.sleep(600)
"""
    with python(script, path) as process:
        assert line_of(process) == "written"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size > 0
    assert refused(path).kind == "damaged"


@pytest.mark.faults
def test_another_window(path: Path) -> None:
    script = """
import sys
from pathlib import Path
from desktop.store import Store
store = Store.open(Path(sys.argv[1]))
conversation = store.create_conversation()
answer = store.start_answer(conversation.id, None, "m")
print("open", flush=True)
sys.stdin.readline()
store.finish(answer.id, "whole", status="complete", stats={})
print(store.message(answer.id).status, flush=True)
sys.stdin.readline()
"""
    with python(script, path) as process:
        assert line_of(process) == "open"
        assert refused(path).kind == "in_use"
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        # The attempt has not marked the answer of the living window as interrupted.
        assert line_of(process) == "complete"
    with Store.open(path) as store:  # the lock has gone with the killed process
        assert store.recovered == []
        assert [message.text for message in store.active_path(1)] == ["whole"]


def test_another_window_of_the_same_process(path: Path, store: Store) -> None:
    assert refused(path).kind == "in_use"
    store.create_conversation()


@pytest.mark.faults
def test_another_program_that_keeps_the_file_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.1)
    some_store(path, messages=1)
    script = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
sys.stdin.readline()
"""
    with python(script, path, "BEGIN EXCLUSIVE") as process:
        assert line_of(process) == "locked"
        assert refused(path).kind == "locked"
    with Store.open(path) as store, python(script, path, "BEGIN IMMEDIATE") as process:
        assert line_of(process) == "locked"
        with pytest.raises(StoreError) as caught:
            store.add_message(1, None, "user", "now?")
        assert caught.value.kind == "locked"
        assert len(store.conversations()) == 1  # reading goes on
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        assert line_of(process) == "free"
        assert store.add_message(1, None, "user", "now!").text == "now!"


def test_a_full_disk_costs_nothing_that_was_saved(path: Path) -> None:
    some_store(path, messages=5)
    with Store.open(path) as store:
        (pages,) = store._db.rows("PRAGMA page_count")[0]
        store._db.rows(f"PRAGMA max_page_count = {pages + 8}")  # SQLite then says what it says on a full disk
        before = store.active_path(1)
        answer = store.start_answer(1, None, "m")
        store.checkpoint(answer.id, "short")
        for write in (
            lambda: store.add_message(1, None, "user", "x" * 100_000),
            lambda: store.checkpoint(answer.id, "x" * 100_000),
            lambda: store.finish(answer.id, "x" * 100_000, status="complete", stats={}),
        ):
            with pytest.raises(StoreError) as caught:
                write()
            assert caught.value.kind == "disk_full"
            assert store.message(answer.id).text == "short"
            assert store.message(answer.id).status == "streaming"
        store._db.rows("PRAGMA max_page_count = 100000")
        store.finish(answer.id, "x" * 100_000, status="complete", stats={})
    with Store.open(path) as store:
        assert store.message(answer.id).text == "x" * 100_000
        assert store.message(before[0].id).text == before[0].text


@pytest.mark.faults
def test_writes_that_really_fail(path: Path) -> None:
    # The system refuses to let the log grow: a write fails in the middle, as it does on a disk that is full.
    script = """
import resource, sys
from pathlib import Path
from desktop.store import Store, StoreError
store = Store.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
conversation = store.create_conversation()
for number in range(1000):
    try:
        message = store.add_message(conversation.id, None, "user", f"{number} " * 3000)
    except StoreError as error:
        print(error.kind, number, flush=True)
        sys.exit()
"""
    with python(script, path) as process:
        kind, number = line_of(process).split()
        process.wait(60)
    assert kind in ("io_error", "disk_full")
    with Store.open(path) as store:
        texts = [text for (text,) in store._db.rows("SELECT text FROM message ORDER BY id")]
        assert texts == [f"{at} " * 3000 for at in range(int(number))]
        assert int(number) > 3


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
@pytest.mark.parametrize(
    ("prepare", "kind"),
    [
        (lambda path: path.chmod(0o444), "read_only"),
        (lambda path: path.parent.chmod(0o555), "read_only"),
        (lambda path: path.chmod(0o000), "no_permission"),
        (lambda path: path.parent.chmod(0o000), "no_permission"),
    ],
)
def test_without_the_right_to_write_or_read(tmp_path: Path, prepare: Callable[[Path], None], kind: str) -> None:
    # In a child process that is an ordinary user even where the tests run as root.
    script = """
import os, sys, tempfile
from pathlib import Path
from desktop.store import Store, StoreError
import desktop.store.search
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
path = Path(tempfile.mkdtemp(), "data", "s.sqlite3")
Store.open(path).close()
print(path, flush=True)
sys.stdin.readline()
try:
    Store.open(path)
except StoreError as error:
    print(error.kind, flush=True)
"""
    with python(script) as process:
        path = Path(line_of(process))
        content = path.read_bytes()
        prepare(path)
        try:
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            assert line_of(process) == kind
        finally:
            path.parent.chmod(0o700)
            path.chmod(0o600)
            assert path.read_bytes() == content
            for file in path.parent.iterdir():
                file.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()


def test_a_folder_that_cannot_be_made() -> None:
    assert refused(Path("/proc/chatbelle/s.sqlite3")).kind in ("io_error", "no_permission", "read_only")


def test_an_old_sqlite_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    assert refused(path).kind == "old_sqlite"
    assert not path.parent.exists()


def test_a_failed_open_leaves_no_lock_behind(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else")
    assert refused(path).kind == refused(path).kind == "not_a_store"
    path.unlink()
    Store.open(path).close()
