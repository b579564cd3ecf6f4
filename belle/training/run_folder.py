"""Whether a run may write to its folder: into an empty one, or on from a checkpoint of the same recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.training.ranks import Ranks, together

# What decides the weights, or which rows a step sees. The data themselves are checked by their content.
_FIXED = (
    "stage", "seed", "model", "init", "template", "max_length", "batching", "batch_size", "accumulation",
    "neftune_alpha", "lora", "quantization", "freeze", "precision", "reward", "dpo", "ppo",
)  # fmt: skip


def check_folder(folder: Path, *, resume: bool, ranks: Ranks) -> None:
    """Raises KnownError("output_not_empty") when a run is in `folder` and this one is not to go on with it."""

    def check() -> None:
        if ranks.rank == 0 and not resume and _holds_a_run(folder):
            raise KnownError(
                "output_not_empty",
                f"{folder} holds a run already.",
                "Go on with it with --resume, or choose another folder with --set output_dir=DIR.",
                path=str(folder),
            )

    together(ranks, check)


def check_same_recipe(before: Mapping[str, Any], now: Mapping[str, Any], checkpoint: Path) -> None:
    """Raises KnownError("recipe_changed") when what must not change did."""
    changed = [key for key in _FIXED if key in before and before[key] != now[key]]
    if changed:
        key = changed[0]
        raise KnownError(
            "recipe_changed",
            f"{checkpoint} was written with {key}: {before[key]}; the recipe now says {now[key]}.",
            "Change it back, or start a new run in another output_dir.",
            path=str(checkpoint),
            keys=changed,
        )


def _holds_a_run(folder: Path) -> bool:
    metrics = folder / "metrics.jsonl"
    started = metrics.exists() and metrics.stat().st_size > 0
    return started or (folder / "final").exists() or any(folder.glob("step-*"))
