"""DeepSpeed imported and connected, so that it starts at once and says nothing that is not about the run."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    from belle.training.cluster.processes import Place

_SHARED_MEMORY_OP = "deepspeed_shm_comm"


def start_deepspeed(place: Place) -> Any:
    """The package `deepspeed`, talking over the process group that `start_processes` made.

    Call it before any model is loaded. Raises KnownError("not_installed").
    """
    # DeepSpeed reads it, and asserts that a launcher has set it.
    os.environ.setdefault("LOCAL_RANK", str(place.local_rank))
    try:
        import deepspeed
    except ImportError as error:
        raise KnownError(
            "not_installed",
            f"The recipe asks for DeepSpeed, which cannot be imported: {error}.",
            "Install the package deepspeed, or leave “deepspeed” out of the recipe.",
        ) from None
    from deepspeed.utils import logger

    logger.setLevel(logging.ERROR)
    # DeepSpeed 0.19 calls them by the names they had before torch 2.13, several times a step.
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning, r"torch\.distributed")
    _join_alone(place)
    if place.device.type == "cpu":
        # DeepSpeed would compile an all-reduce through shared memory for minutes, and end where there is no compiler.
        # Nothing in training calls it; gloo does the work.
        deepspeed.ops.__compatible_ops__[_SHARED_MEMORY_OP] = False
    deepspeed.init_distributed(verbose=False)
    return deepspeed


@contextmanager
def partitioned_loading(config: Mapping[str, Any]) -> Iterator[None]:
    """Within it, transformers and peft spread a model's weights over the processes while they load it (ZeRO-3)."""
    from transformers.integrations.deepspeed import HfDeepSpeedConfig, unset_hf_deepspeed_config

    # transformers remembers it by a weak reference: it lives as long as this name.
    told = HfDeepSpeedConfig(dict(config))
    try:
        yield
    finally:
        del told
        unset_hf_deepspeed_config()


def _join_alone(place: Place) -> None:
    """DeepSpeed wants a process group even for one process."""
    from torch import distributed

    if not distributed.is_initialized():
        backend = "nccl" if place.device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=distributed.HashStore(), rank=0, world_size=1)
