"""RuntimeErrors of torch that become KnownErrors, and errors that stay as they are."""

from __future__ import annotations

import pytest

from belle.training.cluster.failures import known_failure
from belle.training.cluster.ranks import SINGLE_PROCESS


class SecondOfTwo:
    rank = 1
    world_size = 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB.", "out_of_memory"),
        ("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.", "out_of_memory"),
        ("[/pytorch/gloo/pair.cc:547] Connection closed by peer [127.0.0.1]:4242", "rank_lost"),
        ("[/pytorch/gloo/pair.cc:5] Read error [127.0.0.1]:4242: Connection reset by peer", "rank_lost"),
        ("NCCL error: remote process exited or there was a network error", "rank_lost"),
    ],
)
def test_failures_of_memory_and_network_are_known(text: str, kind: str) -> None:
    error = known_failure(RuntimeError(text), SecondOfTwo())  # type: ignore[arg-type]
    assert error is not None
    assert error.kind == kind
    assert error.details["rank"] == 1


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("CUDA out of memory"), KeyError("x")])
def test_other_errors_are_bugs(error: Exception) -> None:
    assert known_failure(error, SecondOfTwo()) is None  # type: ignore[arg-type]


def test_one_process_cannot_lose_another() -> None:
    assert known_failure(RuntimeError("Connection closed by peer"), SINGLE_PROCESS) is None


def test_a_real_allocation_that_fails() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    error = known_failure(caught.value, SINGLE_PROCESS)
    assert error is not None
    assert error.kind == "out_of_memory"
