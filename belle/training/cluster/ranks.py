"""Exchange of small Python values between the processes of a run: who wrote which file, who failed.

Gradients are exchanged by the engine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol, TextIO, TypeVar

from belle.errors import KnownError

T = TypeVar("T")


class Ranks(Protocol):
    """This process of a run, and its way to exchange values with the others.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes.
    """

    @property
    def rank(self) -> int: ...

    @property
    def world_size(self) -> int: ...

    def gather(self, value: object) -> list[Any]:
        """The values of every rank, in the order of ranks. Waits for all of them: it is a barrier too."""
        ...

    def duplicate(self) -> Ranks:
        """The same processes over a channel of its own, for another thread: what both gather does not mix.

        Every rank must call this at the same point of the program.
        """
        ...


class _SingleProcess:
    rank = 0
    world_size = 1

    def gather(self, value: object) -> list[Any]:
        return [value]

    def duplicate(self) -> Ranks:
        return self


class _TorchRanks:
    """Over a gloo group of its own: NCCL would want every value on a GPU."""

    def __init__(self) -> None:
        from torch import distributed

        self._distributed = distributed
        # One rank may tokenize for hours while the others wait. A rank that dies is noticed without a timeout: its
        # connection closes.
        self._group = distributed.new_group(backend="gloo", timeout=timedelta(days=7))
        self.rank: int = distributed.get_rank()
        self.world_size: int = distributed.get_world_size()

    def gather(self, value: object) -> list[Any]:
        values: list[Any] = [None] * self.world_size
        self._distributed.all_gather_object(values, value, group=self._group)
        return values

    def duplicate(self) -> Ranks:
        return _TorchRanks()


SINGLE_PROCESS: Ranks = _SingleProcess()


def current_ranks() -> Ranks:
    """`SINGLE_PROCESS`, or the processes of torch.distributed where it is initialised.

    Every rank must call this at the same point of the program: it makes a process group.
    """
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return SINGLE_PROCESS
    return _TorchRanks()


def first_of_all() -> bool:
    """Whether this process is rank 0, as the launcher says; also before the processes are connected."""
    return os.environ.get("RANK", "0") == "0"


def say_once(text: str, stream: TextIO | None = None) -> None:
    """Print a line in rank 0 alone; to standard output when `stream` is None."""
    if first_of_all():
        out = stream or sys.stdout
        out.write(f"{text}\n")
        out.flush()


def on_all_ranks(ranks: Ranks, action: Callable[[], T]) -> list[T]:
    """Do `action` on every rank and return every rank's result, on every rank.

    When it fails on one rank, it fails on all of them, so that no rank waits for one that has ended: that rank raises
    its own exception; the others raise its KnownError, or KnownError("rank_failed") when it was something else.
    """
    own: Exception | None = None
    outcome: tuple[str, Any]
    try:
        outcome = ("done", action())
    except KnownError as error:
        own, outcome = error, ("known", (error.kind, error.message, error.advice, dict(error.details)))
    except Exception as error:  # it is raised again below, when the others know
        own, outcome = error, ("failed", f"{type(error).__name__}: {error}")
    outcomes = ranks.gather(outcome)
    if own is not None:
        raise own
    for rank, (how, value) in enumerate(outcomes):
        if how == "known":
            kind, message, advice, details = value
            raise KnownError(kind, f"Rank {rank}: {message}", advice, **details)
        if how == "failed":
            raise KnownError(
                "rank_failed", f"Rank {rank} failed: {value}", "Its own output says where.", rank=rank, reason=value
            )
    return [value for _, value in outcomes]
