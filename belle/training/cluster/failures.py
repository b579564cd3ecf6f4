"""KnownErrors for failures that torch raises as plain RuntimeError: out of memory, another process lost."""

from __future__ import annotations

import re

from belle.errors import KnownError
from belle.training.cluster.processes import lost_processes
from belle.training.cluster.ranks import Ranks

_NO_MEMORY = re.compile(
    r"(CUDA|HIP|MPS) (backend )?out of memory|(not enough|can't allocate) memory: you tried to allocate", re.IGNORECASE
)
_LOST = re.compile(
    r"Connection (closed|reset|refused)|Broken pipe|Read error|Socket Timeout|Timed out waiting|NCCL.*(remote|timeout)"
    r"|Application timeout|ncclRemoteError|gloo.*(timed? ?out|closed)",
    re.IGNORECASE,
)


def known_failure(error: BaseException, ranks: Ranks) -> KnownError | None:
    """The KnownError for `error` (`out_of_memory`, `rank_lost`); None when it is something else."""
    if not isinstance(error, RuntimeError):
        return None
    text = str(error)
    if _NO_MEMORY.search(text):
        return KnownError(
            "out_of_memory",
            f"Process {ranks.rank} ran out of memory: {text.splitlines()[0]}",
            "Lower batch_size and raise accumulation by the same factor, set gradient_checkpointing: true, or lower "
            "max_length; “--dry-run” estimates what is needed.",
            rank=ranks.rank,
        )
    if ranks.world_size > 1 and _LOST.search(text):
        lost = lost_processes()
        who = f"process {', '.join(map(str, lost))}" if lost else "another one"
        return KnownError(
            "rank_lost",
            f"Process {ranks.rank} lost {who} of {ranks.world_size}: {text.splitlines()[0]}",
            "The output of that process says why it ended. Start all of them again with --resume.",
            rank=ranks.rank,
            lost=lost,
        )
    return None
