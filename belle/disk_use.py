"""What the program keeps on this disk, and how much room it takes: for the page about the network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from belle import paths

Kept = Literal["conversations", "backups", "states", "models", "copies", "settings", "history", "record", "crashes"]


@dataclass(frozen=True, slots=True)
class DiskItem:
    """A file or folder.

    Attributes:
        kept: what it holds.
        path: of it; it may not exist yet.
        n_bytes: of all its files; of the conversations also those that SQLite has beside the file.
    """

    kept: Kept
    path: Path
    n_bytes: int


def on_disk() -> list[DiskItem]:
    """Everything that is kept, the most private first."""
    database = paths.database_file()
    beside = sum(_size(database.with_name(database.name + suffix)) for suffix in ("-wal", "-shm"))
    places: dict[Kept, Path] = {
        "backups": paths.backups_dir(),
        "states": paths.saved_states_dir(),
        "history": paths.chat_history_file(),
        "record": paths.network_record_file(),
        "crashes": paths.crashes_dir(),
        "settings": paths.config_dir(),
        "models": paths.models_dir(),
        "copies": paths.hub_dir(),
    }
    conversations = DiskItem("conversations", database, _size(database) + beside)
    return [conversations, *(DiskItem(kept, path, _size(path)) for kept, path in places.items())]


def _size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; 0 when it does not exist or cannot be read."""
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                return sum(_size(Path(entry.path)) for entry in entries if not entry.is_symlink())
        return path.stat().st_size
    except OSError:
        return 0
