"""Backups of the database file: the daily ones, the ones made before migrations, and restoring one of them.

SQLite makes a backup through a connection of its own, so the backup is consistent whatever is written meanwhile. It
gets its final name after it was checked and is on the disk. It still holds conversations that were deleted later, until
it is removed itself.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from belle.durable import sync_file, sync_folder
from belle.paths import private_folder
from desktop.store.errors import StoreError, known_errors
from desktop.store.migrations import copy_database, migration_backups
from desktop.store.opening import StoreLock

MAX_DAILY_BACKUPS = 7
"""Older daily backups are removed."""
_DAY_S = 86_400.0
_STAMP = "%Y%m%d-%H%M%S"
_STAMPED = re.compile(r"\.(\d{8}-\d{6})\.backup$")
_FREE_SPACE_FACTOR = 3  # a backup is made only where this many would fit on the disk


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that can be restored. `made_at` is in seconds since the epoch."""

    path: Path
    made_at: float
    before_update: bool


def backups(path: Path, folder: Path) -> list[Backup]:
    """The backups of the file at `path`, newest first: daily ones in `folder`, those of migrations beside the file."""
    daily = [_backup_at(file, before_update=False) for file in folder.glob(f"{path.name}.*.backup")]
    before_updates = [_backup_at(file, before_update=True) for file in migration_backups(path)]
    return sorted((backup for backup in (*daily, *before_updates) if backup), key=lambda backup: -backup.made_at)


def make_daily(path: Path, folder: Path, *, now: float | None = None) -> Path | None:
    """Back up the file at `path` into `folder`, unless the last backup is younger than 24 hours or nothing has changed.

    Returns the new backup, None when none was made. May run in any thread, also while the file is being written.

    Raises StoreError: `damaged` when the backup does not pass SQLite's check.
    """
    now = time.time() if now is None else now
    with known_errors(folder):
        # A backup from the future was made while the clock was wrong: it is neither recent nor worth more than others.
        daily = [backup for backup in backups(path, folder) if not backup.before_update]
        daily = sorted(daily, key=lambda backup: backup.made_at > now)
        if (
            daily
            and daily[0].made_at <= now
            and (now - daily[0].made_at < _DAY_S or _changed_at(path) <= daily[0].made_at)
        ):
            return None
        private_folder(folder)
        if shutil.disk_usage(folder).free < _FREE_SPACE_FACTOR * path.stat().st_size:
            return None
        copy = folder / f"{path.name}.{time.strftime(_STAMP, time.localtime(now))}.backup"
        # Read-only, so that a file that was just moved away is not created anew.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            copy_database(connection, copy, check=_check)
        for old in daily[MAX_DAILY_BACKUPS - 1 :]:
            old.path.unlink(missing_ok=True)
    return copy


def restore(path: Path, backup: Path) -> Path:
    """Replace the file at `path` by a backup. Returns the new path of the old file, which is not deleted.

    However this is interrupted, either the old file or the backup is at `path`. Raises StoreError.
    """
    with known_errors(path):
        lock = StoreLock(path)
        try:
            aside = path.with_name(f"{path.name}.damaged-{time.strftime(_STAMP)}")
            partial = path.with_name(f"{path.name}.restored.partial")
            shutil.copyfile(backup, partial)
            partial.chmod(0o600)
            sync_file(partial)  # not `commit_file`: the backup must be on the disk before the log is renamed
            # The log goes first: SQLite would take a log beside the restored file for its own and replay it into it.
            for suffix in ("-wal", "-shm", "-journal"):
                log = path.with_name(path.name + suffix)
                if log.exists():
                    log.rename(aside.with_name(aside.name + suffix))
            if path.exists():
                _link_or_copy(path, aside)  # not a rename: there must be a file at `path` at every moment
            partial.replace(path)
            path.with_name(f"{path.name}.doubtful").unlink(missing_ok=True)
            sync_folder(path.parent)
        finally:
            lock.release()
    return aside


def _link_or_copy(path: Path, aside: Path) -> None:
    try:
        os.link(path, aside)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, aside)
        sync_file(aside)


def _changed_at(path: Path) -> float:
    # In WAL mode a change is first in the log; the database file itself changes at a checkpoint.
    files = (path, path.with_name(f"{path.name}-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _backup_at(path: Path, *, before_update: bool) -> Backup | None:
    stamp = _STAMPED.search(path.name)
    try:
        made_at = time.mktime(time.strptime(stamp[1], _STAMP)) if stamp else path.stat().st_mtime
    except (OSError, ValueError, OverflowError):
        return None
    return Backup(path, made_at, before_update)


def _check(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError.of("damaged", path=str(copy), reason=" ".join(str(verdict).split()))
