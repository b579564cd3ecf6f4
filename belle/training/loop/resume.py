"""Whether a run may be resumed from a checkpoint: what decides the weights must stand in the recipe as it did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from belle.errors import KnownError

FIXED = (
    "stage", "seed", "model", "init", "tokenizer", "template", "add_tokens", "data", "mix", "eval_data", "max_length",
    "batching", "batch_size", "accumulation", "neftune_alpha", "lora", "quantization", "freeze", "precision",
    "deepspeed", "vocab", "reward", "dpo", "ppo", "speech", "vision",
)  # fmt: skip
"""Keys that must not change when a run is resumed: they decide the weights, or which rows a step sees. Data files are
compared by their content elsewhere; here only the way they are read."""
FREE = (
    "eval_every", "epochs", "max_steps", "learning_rate", "schedule", "min_learning_rate", "warmup", "weight_decay",
    "betas", "eps", "max_grad_norm", "final_precision", "attention", "gradient_checkpointing", "liger", "save_every",
    "keep_last", "log_every", "tracking", "sample_prompts", "sample_every", "sample_tokens", "processes",
    "timeout_minutes",
)  # fmt: skip
"""Keys that may change when a run is resumed; they take effect from the next step on."""


def check_same_recipe(
    before: Mapping[str, Any], now: Mapping[str, Any], checkpoint: Path, keys: Sequence[str] = FIXED
) -> None:
    """Raises KnownError("recipe_changed") when one of `keys` is not what it was."""
    changed: dict[str, tuple[Any, Any]] = {}
    for key in keys:
        if key in before:
            changed |= _differences(key, _deciding(key, before[key]), _deciding(key, now[key]))
    for key, (then, wanted) in changed.items():
        raise KnownError(
            "recipe_changed",
            f"{checkpoint} was written with {key}: {_shown(then)}; the recipe now says {_shown(wanted)}.",
            "Change it back, or start a new run in another output_dir.",
            path=str(checkpoint),
            keys=list(changed),
        )


def allowed_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The allowed differences between the recipes before and after, one sentence each."""
    keys = [key for key in FREE if key in before and before[key] != now[key]]
    return [f"from here on with {key}: {_shown(now[key])} (before: {_shown(before[key])})" for key in keys]


def _deciding(key: str, value: Any) -> Any:
    """The part of a key's value that decides the weights."""
    if key in ("data", "eval_data"):
        # A file may have moved: it is recognised by its content.
        return [entry.get("format") for entry in value] if value else None
    if key == "mix" and value is not None:
        return {**value, "general": [entry.get("format") for entry in value["general"]]}
    if key == "deepspeed":
        return value is not None
    return value


def _differences(key: str, then: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """Both values of every key that differs, with dots into mappings."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        differences: dict[str, tuple[Any, Any]] = {}
        for name in (name for name in then if name in now):
            differences |= _differences(f"{key}.{name}", then[name], now[name])
        return differences
    if key == "eval_data" and None in (then, now):
        return {}  # measuring changes no weight
    return {key: (then, now)} if then != now else {}


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
