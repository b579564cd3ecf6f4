"""Schema versions: how a file of any earlier version becomes one of today.

`PRAGMA user_version` holds the version; migration n leads from version n - 1 to n in one transaction, so a file is
always of a whole version. The file is backed up once, as it was before the first of the steps that it needs. To change
the schema, append a function to `MIGRATIONS`. A migration that renames or rebuilds `message` calls
`search_index.detach` first; the index is rebuilt when the file is up to date.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from belle.durable import commit_file
from desktop.store.schema import (
    APPLICATION_ID,
    VERSION_1,
    VERSION_2,
    VERSION_3,
    VERSION_4,
    VERSION_5,
    VERSION_6,
    VERSION_7,
    VERSION_8,
    VERSION_9,
    VERSION_10,
    VERSION_11,
    VERSION_12,
)
from desktop.store.transactions import run_script, transaction

Migration = Callable[[sqlite3.Connection], None]

MAX_MIGRATION_BACKUPS = 3
"""Backups that stay beside the file, each of another version."""


def _create(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_1)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _add_drafts_and_thinking(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_2)


def _add_typed_title_and_system_prompt(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_3)


def _add_origin_of_imports(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_4)


def _add_context_policies(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_5)


def _add_attachments(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_6)


def _add_attachments_of_drafts(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_7)


def _add_projects(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_8)


def _add_personas(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_9)


def _add_facts(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_10)


def _add_strategies(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_11)


def _add_pictures(connection: sqlite3.Connection) -> None:
    run_script(connection, VERSION_12)


MIGRATIONS: tuple[Migration, ...] = (
    _create,
    _add_drafts_and_thinking,
    _add_typed_title_and_system_prompt,
    _add_origin_of_imports,
    _add_context_policies,
    _add_attachments,
    _add_attachments_of_drafts,
    _add_projects,
    _add_personas,
    _add_facts,
    _add_strategies,
    _add_pictures,
)


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Migrate the open file to the newest version. A step that fails leaves the file at the version before it.

    Raises sqlite3.Error and OSError.
    """
    version = version_of(connection)
    if 0 < version < len(migrations):  # a new file needs no backup
        _back_up(connection, path, version)
    for number, migration in enumerate(migrations[version:], start=version + 1):
        _step(connection, migration, number)
    if version < len(migrations):
        for old in migration_backups(path)[MAX_MIGRATION_BACKUPS:]:
            old.unlink()


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of the open file; 0: it is empty."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migration_backups(path: Path) -> list[Path]:
    """The backups made before migrations of the file at `path`, newest first."""
    return sorted(path.parent.glob(f"{path.name}.version-*.backup"), key=lambda copy: -copy.stat().st_mtime_ns)


def copy_database(connection: sqlite3.Connection, copy: Path, *, check: Callable[[Path], None] | None = None) -> None:
    """Copy an open database to `copy`, which gets its name after it was copied, checked and is on the disk.

    Raises sqlite3.Error, OSError and what `check` raises.
    """
    partial = copy.with_suffix(".partial")
    try:
        # Created here, because SQLite would create it readable by everyone.
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        target = sqlite3.connect(partial, isolation_level=None)
        try:
            target.execute("PRAGMA journal_mode = OFF")  # an incomplete copy is thrown away, not rolled back
            connection.backup(target)
        finally:
            target.close()
        if check is not None:
            check(partial)
        commit_file(partial, copy)
    finally:
        partial.unlink(missing_ok=True)


def _step(connection: sqlite3.Connection, migration: Migration, number: int) -> None:
    # With foreign keys on, dropping a table to rebuild it would delete the rows of other tables that refer to it. The
    # pragma has no effect inside a transaction, so it is set outside (https://www.sqlite.org/lang_altertable.html).
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        with transaction(connection):
            before = len(connection.execute("PRAGMA foreign_key_check").fetchall())  # a damaged file may have some
            migration(connection)
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
            if len(orphans) > before:
                raise sqlite3.IntegrityError(f"migration {number} leaves a row of {orphans[0][0]} without its parent")
            connection.execute(f"PRAGMA user_version = {number}")
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    earlier = list(path.parent.glob(f"{path.name}.version-{version}.*.backup"))
    date = time.strftime("%Y%m%d-%H%M%S")
    copy = path.with_name(f"{path.name}.version-{version}.{date}.backup")
    copy_database(connection, copy)
    # A step that fails at every start must not push the backups of other versions out of the limit.
    for old in earlier:
        if old != copy:
            old.unlink()
