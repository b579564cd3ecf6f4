"""Copies of the whole file: one a day, those made before migrations, and putting one of them back.

A copy is made by SQLite from a connection of its own, so it is whole whatever is being written meanwhile, and gets its
name when it has been looked through and is on the disk. It holds what was deleted since, until it is itself removed.
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
from desktop.store.migrations import copies, copy_to
from desktop.store.opening import StoreLock

KEPT = 7
"""Daily copies that stay."""
_DAY_S = 86_400.0
_STAMP = "%Y%m%d-%H%M%S"
_STAMPED = re.compile(r"\.(\d{8}-\d{6})\.backup$")
_ROOM = 3  # a copy is made only while the disk has room for this many


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that can be put back. `made_at` is in seconds since the epoch."""

    path: Path
    made_at: float
    before_update: bool


def backups(path: Path, folder: Path) -> list[Backup]:
    """The copies there are of the file at `path`, newest first: daily ones in `folder`, others beside the file."""
    daily = [_backup(file, before_update=False) for file in folder.glob(f"{path.name}.*.backup")]
    others = [_backup(file, before_update=True) for file in copies(path)]
    return sorted((found for found in (*daily, *others) if found), key=lambda backup: -backup.made_at)


def make_daily(path: Path, folder: Path, *, now: float | None = None) -> Path | None:
    """Make today's copy of the file at `path`, if there is none of the last 24 hours and something has changed.

    May run in any thread, also while the file is being written.

    Raises StoreError: `damaged` when the copy is not whole.
    """
    now = time.time() if now is None else now
    with known_errors(folder):
        daily = [found for found in backups(path, folder) if not found.before_update]
        if daily and (now - daily[0].made_at < _DAY_S or _changed_at(path) <= daily[0].made_at):
            return None
        private_folder(folder)
        if shutil.disk_usage(folder).free < _ROOM * path.stat().st_size:
            return None
        copy = folder / f"{path.name}.{time.strftime(_STAMP, time.localtime(now))}.backup"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            copy_to(connection, copy, check=_check)
        for old in daily[KEPT - 1 :]:
            old.path.unlink(missing_ok=True)
    return copy


def restore(path: Path, backup: Path) -> Path:
    """Put a copy in the place of the file at `path`, which is kept. Returns where the old file is now.

    Whenever this is interrupted, the old file or the copy is in that place. Raises StoreError.
    """
    with known_errors(path):
        lock = StoreLock(path)
        try:
            aside = path.with_name(f"{path.name}.damaged-{time.strftime(_STAMP)}")
            partial = path.with_name(f"{path.name}.restored.partial")
            shutil.copyfile(backup, partial)
            partial.chmod(0o600)
            sync_file(partial)  # not `commit_file`: the copy must be certain before the log goes away
            # The log first: beside the copy it would be taken for the copy's own.
            for suffix in ("-wal", "-shm", "-journal"):
                log = path.with_name(path.name + suffix)
                if log.exists():
                    log.rename(aside.with_name(aside.name + suffix))
            if path.exists():
                _keep(path, aside)
            partial.replace(path)
            path.with_name(f"{path.name}.doubtful").unlink(missing_ok=True)
            sync_folder(path.parent)
        finally:
            lock.release()
    return aside


def _keep(path: Path, aside: Path) -> None:
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copyfile(path, aside)
        sync_file(aside)


def _changed_at(path: Path) -> float:
    files = (path, path.with_name(f"{path.name}-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _backup(path: Path, *, before_update: bool) -> Backup | None:
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
