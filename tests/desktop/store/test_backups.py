"""Daily backups are made, pass the check, and restoring one deletes no file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from desktop.store import Store, StoreError, backups, make_daily, restore
from desktop.store.backups import MAX_DAILY_BACKUPS
from tests.desktop.store.test_migrations import add_note

DAY = 86_400.0


@pytest.fixture
def folder(path: Path) -> Path:
    return path.parent / "backups"


def titles(path: Path) -> list[str]:
    with Store.open(path) as store:
        return sorted(row.title for row in store.conversations())


def test_a_copy_is_made_once_a_day_and_only_when_something_changed(store: Store, path: Path, folder: Path) -> None:
    now = time.time() + 2  # names of copies have whole seconds
    store.create_conversation(title="one")
    backup_path = make_daily(path, folder, now=now)
    assert backup_path is not None
    assert stat.S_IMODE(backup_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert make_daily(path, folder, now=now + 3600) is None
    assert make_daily(path, folder, now=now + 3 * DAY) is None  # nothing was written since
    store.create_conversation(title="two")
    os.utime(path.with_name(f"{path.name}-wal"), (now + DAY, now + DAY))
    again = make_daily(path, folder, now=now + DAY + 1)
    assert again is not None
    assert [titles(copy) for copy in (backup_path, again)] == [["one"], ["one", "two"]]


def test_the_newest_are_kept(store: Store, path: Path, folder: Path) -> None:
    now = time.time() - 20 * DAY  # the file is newer than any of the copies
    for day in range(MAX_DAILY_BACKUPS + 3):
        store.create_conversation(title=str(day))
        assert make_daily(path, folder, now=now + day * (DAY + 60))
    listed = backups(path, folder)
    assert len(listed) == MAX_DAILY_BACKUPS
    assert [round((backup.made_at - now) / DAY) for backup in listed] == list(range(MAX_DAILY_BACKUPS + 2, 2, -1))
    assert not any(backup.before_update for backup in listed)


def test_copies_of_a_clock_that_was_ahead_neither_hold_back_new_ones_nor_push_them_out(
    store: Store, path: Path, folder: Path
) -> None:
    now = time.time() + 2
    for year in range(MAX_DAILY_BACKUPS):
        store.create_conversation(title=str(year))
        ahead = now + (year + 1) * 365 * DAY
        os.utime(path.with_name(f"{path.name}-wal"), (ahead, ahead))
        assert make_daily(path, folder, now=ahead) is not None
    made = [make_daily(path, folder, now=now + day * (DAY + 60)) for day in range(3)]
    assert all(copy is not None and copy.exists() for copy in made)
    assert make_daily(path, folder, now=now + 2 * (DAY + 60) + 3600) is None, "once a day"
    assert len(backups(path, folder)) == MAX_DAILY_BACKUPS


def test_copies_made_before_a_migration_are_listed_too(path: Path, folder: Path) -> None:
    from desktop.store.migrations import MIGRATIONS

    with Store.open(path) as store:
        store.create_conversation(title="old")
        make_daily(path, folder)
    Store.open(path, migrations=(*MIGRATIONS, add_note)).close()
    assert sorted(backup.before_update for backup in backups(path, folder)) == [False, True]


def test_a_copy_made_while_another_thread_writes_is_whole(store: Store, path: Path, folder: Path) -> None:
    conversation = store.create_conversation(title="busy").id
    backup_path: list[Path | None] = []
    thread = threading.Thread(target=lambda: backup_path.append(make_daily(path, folder)))
    thread.start()
    while thread.is_alive():
        store.add_message(conversation, None, "user", "text " * 50)
    thread.join()
    with closing(sqlite3.connect(backup_path[0])) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_damaged_file_does_not_push_good_copies_out(path: Path, folder: Path) -> None:
    with Store.open(path) as store:
        store.create_conversation(title="good")
        make_daily(path, folder, now=time.time() - 3 * DAY)
    before = backups(path, folder)
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        make_daily(path, folder)
    assert caught.value.kind == "damaged"
    assert backups(path, folder) == before
    assert [file.name for file in folder.iterdir()] == [before[0].path.name]


def test_a_copy_put_back_takes_the_place_and_the_old_file_is_kept(path: Path, folder: Path) -> None:
    with Store.open(path) as store:
        store.create_conversation(title="yesterday")
        backup_path = make_daily(path, folder)
    assert backup_path is not None
    log = path.with_name(f"{path.name}-wal")
    path.write_bytes(b"rubbish" * 1000)
    log.write_bytes(b"rubbish of a log" * 1000)
    aside = restore(path, backup_path)
    assert titles(path) == ["yesterday"]
    assert aside.read_bytes() == b"rubbish" * 1000
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"rubbish of a log" * 1000
    assert backup_path.exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_copy_is_put_back_where_there_is_nothing(path: Path, folder: Path) -> None:
    with Store.open(path) as store:
        store.create_conversation(title="yesterday")
        backup_path = make_daily(path, folder)
    assert backup_path is not None
    path.unlink()
    restore(path, backup_path)
    assert titles(path) == ["yesterday"]


def test_nothing_is_put_back_over_an_open_file(store: Store, path: Path, folder: Path) -> None:
    backup_path = make_daily(path, folder)
    assert backup_path is not None
    with pytest.raises(StoreError) as caught:
        restore(path, backup_path)
    assert caught.value.kind == "in_use"


def test_a_copy_that_is_gone_changes_nothing(path: Path, folder: Path) -> None:
    with Store.open(path) as store:
        store.create_conversation(title="as it is")
    with pytest.raises(StoreError):
        restore(path, folder / "gone.backup")
    assert titles(path) == ["as it is"]
