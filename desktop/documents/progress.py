"""How far a folder of documents has been read."""

from __future__ import annotations

from dataclasses import dataclass

from belle.errors import KnownError


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far a folder has been read.

    Args:
        done: documents that are up to date, of `total`; `total` is 0 until the folder has been looked through.
        unreadable: how many of them cannot be read.
        finished: nothing is left to do, or `problem` says why not.
        stopped: a person stopped it.
    """

    folder: str
    done: int = 0
    total: int = 0
    unreadable: int = 0
    finished: bool = False
    stopped: bool = False
    problem: KnownError | None = None
