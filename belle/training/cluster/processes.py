"""The processes of a run: how many there are, which one this is, its device, and its connection to the others.

`torchrun`, DeepSpeed's launcher and Slurm scripts all set the same environment variables: RANK, LOCAL_RANK, WORLD_SIZE.
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
"""Between two beats of a process."""
SILENCE_SECONDS = 6.0
"""A process without a beat for so long is lost."""

_heartbeat: Heartbeat | None = None


@dataclass(frozen=True)
class ProcessInfo:
    """This process of a run.

    Args:
        rank: its number, from 0.
        local_rank: its number on this machine, from 0.
        world_size: number of processes.
        device: the one it computes on.
    """

    rank: int
    local_rank: int
    world_size: int
    device: torch.device


def this_process() -> ProcessInfo:
    """This process, as the launcher's environment variables say; rank 0 of 1 without a launcher.

    Raises KnownError("environment_wrong").
    """
    import torch

    rank, local_rank, world_size = (
        _number(*variable) for variable in (("RANK", 0), ("LOCAL_RANK", 0), ("WORLD_SIZE", 1))
    )
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
        # transformers imports DeepSpeed where it is installed, which warns when it has to detect the device itself.
        os.environ.setdefault("DS_ACCELERATOR", device.type)
    return ProcessInfo(rank, local_rank, world_size, device)


def start_processes(timeout_minutes: float) -> ProcessInfo:
    """This process, connected to the others when there are any (NCCL between GPUs, else gloo).

    A second call connects nothing again. Raises KnownError: `environment_wrong`, `ranks_missing`.
    """
    import torch
    from torch import distributed

    process = this_process()
    if process.device.type == "cuda":
        torch.cuda.set_device(process.device)
    if process.world_size > 1 and not distributed.is_initialized():
        _join(process, timeout_minutes)
    return process


def lost_processes() -> list[int]:
    """The ranks of processes that have died. Takes some seconds: call it when communication has failed."""
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


def _join(process: ProcessInfo, timeout_minutes: float) -> None:
    global _heartbeat  # noqa: PLW0603  # as above
    from torch import distributed

    backend = "nccl" if process.device.type == "cuda" else "gloo"
    timeout = timedelta(minutes=timeout_minutes)
    try:
        store, rank, world_size = next(distributed.rendezvous("env://", timeout=timeout))
        groups = distributed.PrefixStore("groups", store)
        distributed.init_process_group(backend, store=groups, rank=rank, world_size=world_size, timeout=timeout)
    except (RuntimeError, ValueError) as error:
        raise KnownError(
            "ranks_missing",
            f"The {process.world_size} processes did not find each other within {timeout_minutes:g} minutes: {error}",
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
    """Finds out which process of a run has died. torch only reports “connection closed by peer”.

    Until `stop`, a thread of every process counts up a number in the store that all of them share. When the exchange
    of gradients fails, the processes whose number stands still have died; the others have only lost their connection.

    Args:
        store: torch's TCPStore or PrefixStore, shared by all processes.
        rank: number of this process.
        world_size: number of processes.
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
        """The processes whose number stands still for `SILENCE_SECONDS`.

        Rank 0 when the store cannot be reached: it lives in that process.
        """
        try:
            silent = {rank: self._count(rank) for rank in range(self._world_size) if rank != self._rank}
            deadline = monotonic() + SILENCE_SECONDS
            while silent and monotonic() < deadline:
                sleep(INTERVAL_SECONDS / 4)
                silent = {rank: count for rank, count in silent.items() if self._count(rank) == count}
        except (RuntimeError, OSError):
            return [0]
        return sorted(silent)

    def _count(self, rank: int) -> int:
        return int(self._store.add(f"beat/{rank}", 0))  # adding 0 reads, and unlike `get` waits for nobody

    def _beat(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            try:
                self._store.add(f"beat/{self._rank}", 1)
            except (RuntimeError, OSError):
                return
