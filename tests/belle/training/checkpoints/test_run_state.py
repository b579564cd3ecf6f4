"""The state of a run beside its weights: randomness comes back, and nothing but plain values is read."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from belle.errors import KnownError
from belle.training.checkpoints.run_state import RunState


def draw() -> tuple[Any, ...]:
    return (
        random.random(),
        random.gauss(0, 1),
        float(np.random.standard_normal()),
        int(np.random.randint(1 << 30)),
        torch.rand(3).tolist(),
    )


def test_every_source_of_randomness_comes_back(tmp_path: Path) -> None:
    draw()
    state = RunState(step=7, epoch=1, micro_batch=12, counters={"tokens": 1234, "seconds": 0.1})
    state.save(tmp_path)
    expected = draw()
    draw()
    assert RunState.load(tmp_path) == state
    assert draw() == expected


def test_another_number_of_processes(tmp_path: Path) -> None:
    for rank in range(2):
        RunState(step=rank).save(tmp_path, rank)
    assert RunState.load(tmp_path, 1, 2).step == 1
    with pytest.raises(KnownError) as caught:
        RunState.load(tmp_path, 0, 3)
    assert caught.value.kind == "ranks_changed"
    assert "2 processes; this one has 3" in caught.value.message


@pytest.mark.parametrize("content", [b"", b"not torch", None])
def test_a_file_that_is_no_state(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run_state-0.pt"
    if content is None:
        torch.save({"step": 1}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(KnownError) as caught:
        RunState.load(tmp_path)
    assert caught.value.kind == "checkpoint_broken"
    assert str(path) in caught.value.message


def test_nothing_runs_from_a_checkpoint(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "ran"),))

    torch.save({"step": Evil()}, tmp_path / "run_state-0.pt")
    with pytest.raises(KnownError):
        RunState.load(tmp_path)
    assert not (tmp_path / "ran").exists()
