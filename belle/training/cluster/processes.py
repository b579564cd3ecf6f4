"""The processes of a run: how many there are, which one this is, where it computes, and how it talks to the others.

`torchrun`, DeepSpeed's launcher and Slurm scripts all say it in the same environment variables.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    import torch

INTERVAL_SECONDS = 1.0
PATIENCE_SECONDS = 6.0

_heartbeat: Heartbeat | None = None


@dataclass(frozen=True)
class ProcessInfo:
    """This process among the others.

    Args:
        rank: its number.
        local_rank: its number on this machine.
        world_size: how many there are.
        device: where it computes.
    """

    rank: int
    local_rank: int
    world_size: int
    device: torch.device


def find_place() -> ProcessInfo:
    """Where this process stands, as the launcher says; rank 0 of 1 without a launcher.

    Raises KnownError("environment_wrong").
    """
    import torch

    rank, local_rank, world_size = (_number(*pair) for pair in (("RANK", 0), ("LOCAL_RANK", 0), ("WORLD_SIZE", 1)))
    if torch.cuda.is_available():
        if local_rank >= torch.cuda.device_count():
            raise KnownError(
                "environment_wrong",
                f"Process {local_rank} of this machine has no GPU: there are {torch.cuda.device_count()}.",
                "Start at most as many processes as there are GPUs.",
                local_rank=local_rank,
            )
        device = torch.device("cuda", local_rank)
    else:
        device = torch.device("mps" if torch.backends.mps.is_available() else "cpu")
        # transformers imports DeepSpeed where it is installed, and it warns when it has to find this out by itself.
        os.environ.setdefault("DS_ACCELERATOR", device.type)
    return ProcessInfo(rank, local_rank, world_size, device)


def start_processes(timeout_minutes: float) -> ProcessInfo:
    """Find this process's place and, when there are others, join them (NCCL between GPUs, else gloo).

    Does nothing a second time. Raises KnownError: `environment_wrong`, `ranks_missing`.
    """
    import torch
    from torch import distributed

    place = find_place()
    if place.device.type == "cuda":
        torch.cuda.set_device(place.device)
    if place.world_size > 1 and not distributed.is_initialized():
        _join(place, timeout_minutes)
    return place


def lost_processes() -> list[int]:
    """The ranks of processes that have died; asked when talking to them failed, takes some seconds."""
    return _heartbeat.lost() if _heartbeat is not None else []


def stop_processes() -> None:
    """Leave the other processes, if there are any."""
    global _heartbeat  # noqa: PLW0603  # there is one process group, and it is torch's global too
    from torch import distributed

    if _heartbeat is not None:
        _heartbeat.stop()
        _heartbeat = None
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def _join(place: ProcessInfo, timeout_minutes: float) -> None:
    global _heartbeat  # noqa: PLW0603  # as above
    from torch import distributed

    backend = "nccl" if place.device.type == "cuda" else "gloo"
    timeout = timedelta(minutes=timeout_minutes)
    try:
        store, rank, world_size = next(distributed.rendezvous("env://", timeout=timeout))
        groups = distributed.PrefixStore("groups", store)
        distributed.init_process_group(backend, store=groups, rank=rank, world_size=world_size, timeout=timeout)
    except (RuntimeError, ValueError) as error:
        raise KnownError(
            "ranks_missing",
            f"The {place.world_size} processes did not find each other within {timeout_minutes:g} minutes: {error}",
            "Check MASTER_ADDR and MASTER_PORT, and that every machine was started.",
        ) from None
    _heartbeat = Heartbeat(distributed.PrefixStore("heartbeat", store), rank, world_size)


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise KnownError(
            "environment_wrong", f"The environment variable {name} is {value!r}, not a number.", "Use torchrun."
        ) from None


class Heartbeat:
    """Which process of a run has died: the others learn it by name, and not as “connection closed by peer”.

    Until `stop` every process counts up a number, in a thread, in the store that all of them share. When the exchange
    of gradients fails, those whose number stands still are gone; the others merely noticed it too.

    Args:
        store: torch's TCPStore or PrefixStore, shared by all processes.
        rank: number of this process.
        world_size: how many there are.
    """

    def __init__(self, store: Any, rank: int, world_size: int) -> None:
        self._store = store
        self._rank = rank
        self._world_size = world_size
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def lost(self) -> list[int]:
        """The processes that give no sign of life for some seconds; rank 0 when the store itself, which it keeps, is
        gone."""
        try:
            before = {rank: self._count(rank) for rank in range(self._world_size) if rank != self._rank}
            until = monotonic() + PATIENCE_SECONDS
            while before and monotonic() < until:
                sleep(INTERVAL_SECONDS / 4)
                before = {rank: count for rank, count in before.items() if self._count(rank) == count}
        except (RuntimeError, OSError):
            return [0]
        return sorted(before)

    def _count(self, rank: int) -> int:
        return int(self._store.add(f"beat/{rank}", 0))

    def _beat(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            try:
                self._store.add(f"beat/{self._rank}", 1)
            except (RuntimeError, OSError):
                return
