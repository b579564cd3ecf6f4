"""The state of a run beside its weights: steps, position in the data, counters, and all random number generators.

With it an interrupted run goes on as if nothing had happened: with the same batches and dropout masks it ends with the
same weights, bit by bit.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError  # its name only: torch raises it
from typing import Any

from belle.errors import KnownError

_UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, EOFError, UnpicklingError)


@dataclass
class RunState:
    """One rank's position in a run.

    Attributes:
        step: optimizer steps done.
        epoch: the epoch under way, from 0.
        micro_batch: index in this epoch of the next micro-batch of this rank.
        counters: sums that go on over interruptions, such as tokens and seconds.
    """

    step: int = 0
    epoch: int = 0
    micro_batch: int = 0
    counters: dict[str, float] = field(default_factory=dict)

    def save(self, folder: Path, rank: int = 0) -> None:
        """Write `run_state-RANK.pt`: the fields, and every random number generator as it is now. Raises OSError."""
        import torch

        state = {**asdict(self), "random": _capture()}
        torch.save(state, _path(folder, rank))

    @classmethod
    def load(cls, folder: Path, rank: int = 0, world_size: int = 1) -> RunState:
        """Read the file of this rank, and set every random number generator to the state in it.

        Call it when everything else is built: any random number that is drawn afterwards changes the run.

        Raises KnownError: `ranks_changed` when another number of processes wrote the checkpoint, `checkpoint_broken`
        when the file is not what `save` writes.
        """
        import torch

        written_by = len(list(folder.glob("run_state-*.pt")))
        if written_by != world_size:
            raise KnownError(
                "ranks_changed",
                f"{folder} was written by a run of {written_by} processes; this one has {world_size}.",
                f"Start {written_by} processes to go on with it, or begin a new run from its weights.",
                path=str(folder),
                written_by=written_by,
                world_size=world_size,
            )
        path = _path(folder, rank)
        try:
            # Tensors and plain values only: no code runs from a checkpoint.
            state = torch.load(path, map_location="cpu", weights_only=True)
            _restore(state.pop("random"))
            return cls(**state)
        except _UNREADABLE as error:
            raise KnownError(
                "checkpoint_broken",
                f"{path} is not the state of a run, or is damaged ({type(error).__name__}).",
                "Use an earlier checkpoint.",
                path=str(path),
                reason=str(error),
            ) from error


def _path(folder: Path, rank: int) -> Path:
    return folder / f"run_state-{rank}.pt"


def _capture() -> dict[str, Any]:
    import numpy as np
    import torch

    name, keys, position, has_gauss, cached = np.random.get_state()  # the global one, which libraries use
    return {
        "python": random.getstate(),
        # As an int64 tensor: `torch.load` with `weights_only` refuses NumPy arrays.
        "numpy": (name, torch.from_numpy(np.asarray(keys, np.int64)), int(position), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        # Each rank has a device of its own: the current one.
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def _restore(state: Mapping[str, Any]) -> None:
    import numpy as np
    import torch

    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
