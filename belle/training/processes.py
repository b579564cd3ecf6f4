"""The processes of a run: how many there are, which one this is, where it computes, and how it talks to the others.

`torchrun`, DeepSpeed's launcher and Slurm scripts all say it in the same environment variables.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from belle.errors import KnownError
from belle.training.heartbeat import Heartbeat

if TYPE_CHECKING:
    import torch

_heartbeat: Heartbeat | None = None


@dataclass(frozen=True)
class Place:
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


def find_place() -> Place:
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
    return Place(rank, local_rank, world_size, device)


def start_processes(timeout_minutes: float) -> Place:
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


def _join(place: Place, timeout_minutes: float) -> None:
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
