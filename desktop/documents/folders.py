"""Finds the documents below a folder. To be called in a process that may hang (`reader_child`)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from belle.errors import KnownError
from desktop.documents.readers import SUFFIXES

MOST_DOCUMENTS = 20_000
"""Of one folder."""

MOST_ENTRIES = 100_000
"""Files and folders of any kind that are looked at below one folder."""

_DEEPEST = 40
"""Folders within folders."""

# What programs put beside a person's own files; nobody means it by "my documents".
_LEFT_OUT = frozenset({"node_modules", "__pycache__", "venv", "site-packages", "target", "$RECYCLE.BIN"})

FoundFile = tuple[str, int, int]
"""Path below the folder, size in bytes, time of the last change in nanoseconds."""


def documents_in(folder: Path) -> Iterator[FoundFile | None]:
    """The documents below `folder`, hidden ones left out; None for each folder, as a sign of life.

    A linked folder is followed once: two paths to one folder, or links in a circle, are one. Raises KnownError
    `folder_missing`, `folder_unreadable`, `too_many_documents`, `too_many_files`.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, 0)]
    entries = documents = 0
    while waiting:
        current, depth = waiting.pop()
        yield None
        for entry in _entries(current, is_top=current == folder, seen=seen):
            entries += 1
            if entries > MOST_ENTRIES:
                raise _too_many("too_many_files", folder, f"more than {MOST_ENTRIES:,} files and folders")
            file = _state(entry)
            if file is None:
                continue
            if stat.S_ISDIR(file.st_mode):
                if depth < _DEEPEST and entry.name not in _LEFT_OUT:
                    waiting.append((Path(entry.path), depth + 1))
            elif stat.S_ISREG(file.st_mode) and Path(entry.name).suffix.lower() in SUFFIXES:
                documents += 1
                if documents > MOST_DOCUMENTS:
                    raise _too_many("too_many_documents", folder, f"more than {MOST_DOCUMENTS:,} documents")
                yield os.path.relpath(entry.path, folder), file.st_size, file.st_mtime_ns


def _entries(folder: Path, *, is_top: bool, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing for one that was seen, or cannot be listed and is not the first."""
    try:
        state = folder.stat()
        if (state.st_dev, state.st_ino) in seen:
            return []
        seen.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except FileNotFoundError:
        if is_top:
            raise _missing(folder) from None
    except NotADirectoryError:
        if is_top:
            raise KnownError("folder_missing", f"{folder} is not a folder.", "Choose a folder.") from None
    except OSError as error:
        if is_top:
            reason = error.strerror or str(error)
            advice = "Give yourself the right to read it, or choose another folder."
            raise KnownError("folder_unreadable", f"{folder} cannot be read: {reason}.", advice) from None
    return []


def _state(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for a link that leads nowhere, or in a circle, and for what vanished meanwhile."""
    try:
        return entry.stat()
    except OSError:
        return None


def _missing(folder: Path) -> KnownError:
    advice = "If it is on another disk, connect that; otherwise choose the folder again."
    return KnownError("folder_missing", f"The folder {folder} does not exist any more.", advice, path=str(folder))


def _too_many(kind: str, folder: Path, what: str) -> KnownError:
    advice = "Choose a smaller folder, such as one within it."
    return KnownError(kind, f"{folder} holds {what}; that is more than can be searched.", advice, path=str(folder))
