"""Copying a model file, all its parts, into the models folder: whole, or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
from pathlib import Path

from belle import paths
from belle.clients.steps import Listener, Reporter
from belle.errors import KnownError
from belle.models.registry import absolute
from convert.install.place import check_space, remove_if_empty
from convert.part_file import sync_folder

_COPY_BYTES = 8 << 20
_SPLIT = re.compile(r"(.+)-00001-of-(\d{5})\.gguf")


def in_models_folder(path: Path) -> bool:
    """Whether `path` lies in the folder of this program's own models. Links are not followed."""
    return absolute(path).is_relative_to(absolute(paths.models_dir()))


def parts_of(path: Path) -> list[Path]:
    """The file, and the other parts of a split one."""
    match = _SPLIT.fullmatch(path.name)
    if match is None:
        return [path]
    return [path.with_name(f"{match[1]}-{number:05}-of-{match[2]}.gguf") for number in range(1, int(match[2]) + 1)]


def copied(path: Path, name: str, listener: Listener | None) -> Path:
    """Copy `path`, the first or only part of a model, into the models folder under `name`; return the copy.

    A file that is there already is left alone. Raises KnownError: "disk_full", "unwritable", "file_exists".
    """
    folder = paths.models_dir() / name
    sources = parts_of(path)
    if in_models_folder(path):
        return path
    try:
        paths.private_folder(folder)
        total = sum(source.stat().st_size for source in sources)
        check_space(folder, {"the copy": total})
        reporter = Reporter("copy", listener, threading.Event(), total)
        for source in sources:
            reporter.begin(source.name)
            _copy(source, folder / source.name, reporter)
    except OSError as error:
        remove_if_empty(folder)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise KnownError(
                "disk_full", f"The disk became full while {path.name} was copied.", "Free some space.", path=str(path)
            ) from error
        raise KnownError(
            "unwritable", f"{path.name} could not be copied to {folder}: {error.strerror}.", "", path=str(path)
        ) from error
    except KnownError:
        remove_if_empty(folder)
        raise
    return folder / path.name


def _copy(source: Path, target: Path, reporter: Reporter) -> None:
    if target.exists():
        raise KnownError(
            "file_exists", f"{target} exists already.", "Choose another --name, or import that file.", path=str(target)
        )
    temporary = target.with_name(f".{target.name}.part")
    try:
        with source.open("rb", buffering=0) as reading, temporary.open("wb") as writing:
            while data := reading.read(_COPY_BYTES):
                writing.write(data)
                reporter.add(len(data))
            writing.flush()
            os.fsync(writing.fileno())
        shutil.copystat(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
