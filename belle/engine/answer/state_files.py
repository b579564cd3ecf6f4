"""The files in which the KV caches of conversations wait: their names, their sizes, and which of them have to go.

A conversation has a name of its owner's choice, and two files in the folder: `NAME.kv` with the cache and `NAME.json`
with what it is of. What is written is written under another name first, so that a file with its name is whole. Nothing
here raises OSError: a cache that cannot be looked at is as good as none.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_CACHE, _SIDECAR, _UNFINISHED = ".kv", ".json", ".part"
_ABANDONED_S = 3600.0  # a cache is written in seconds; what is younger may be another process's


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    size: int
    used_at: float


class StateFiles:
    """The folder of saved caches.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a conversation may be called so: letters, digits, hyphens and underscores make the file's name."""
        return _NAME.fullmatch(name) is not None

    def cache(self, name: str) -> Path:
        """The file of keys and values."""
        return self.folder / f"{name}{_CACHE}"

    def sidecar(self, name: str) -> Path:
        """The file that says what the cache is of. Its time is when the cache was last used."""
        return self.folder / f"{name}{_SIDECAR}"

    def unfinished(self, name: str) -> Path:
        """Where a cache is written before it gets its name."""
        return self.folder / f"{name}{_CACHE}{_UNFINISHED}"

    def used_bytes(self) -> int:
        """What all the files take together."""
        return sum(_size(path) for path in self._all())

    def delete(self, name: str) -> None:
        """Remove the cache of a conversation, if there is one."""
        if self.is_name(name):
            for path in (self.sidecar(name), self.cache(name), self.unfinished(name)):
                _remove(path)

    def names(self) -> set[str]:
        """The conversations of which anything is there."""
        return {path.name.partition(".")[0] for path in self._all()}

    def clear(self) -> None:
        """Remove all of them."""
        for path in self._all():
            _remove(path)

    def shrink(self, budget: int, *, but: str = "") -> None:
        """Remove those not used for longest until the rest take at most `budget` bytes; `but` stays.

        What a process that was killed left unfinished is removed, too.
        """
        self._delete_abandoned()
        entries = sorted(self._entries(), key=lambda entry: entry.used_at)
        used = sum(entry.size for entry in entries)
        for entry in entries:
            if used <= budget:
                return
            if entry.name != but:
                self.delete(entry.name)
                used -= entry.size

    def _delete_abandoned(self) -> None:
        for path in self._all():
            with suppress(OSError):
                # The file of a writer that lives is as old as its last write, whichever way the clock was set since.
                if path.suffix == _UNFINISHED and abs(time.time() - path.stat().st_mtime) > _ABANDONED_S:
                    _remove(path)

    def _entries(self) -> Iterator[_Entry]:
        for path in self._all():
            if path.suffix == _CACHE:
                sidecar = self.sidecar(path.stem)
                with suppress(OSError):
                    # A cache without a sidecar is of no use, and the first to go.
                    used_at = sidecar.stat().st_mtime if sidecar.exists() else 0.0
                    yield _Entry(path.stem, path.stat().st_size + _size(sidecar), used_at)

    def _all(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.suffix in (_CACHE, _SIDECAR, _UNFINISHED)]
        except OSError:
            return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
