"""How far a folder of documents has been read, and in which ways it can be searched."""

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


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How many passages of a folder can be found by meaning.

    Args:
        model: title of the embedding model; empty when none is installed, and passages are found by words alone.
        ready: passages that have a vector, of `total`.
        problem: why no more can be made, or why the last question was searched by words alone.
    """

    folder: str
    model: str = ""
    ready: int = 0
    total: int = 0
    problem: KnownError | None = None
