"""What a recipe names on a hub (`hub:owner/name[/file][@revision]`), as the folders and files that it becomes here."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from belle.clients.copies import Kind, is_hub_name, local_copy
from belle.training.recipe import Recipe


def fetched(recipe: Recipe, *, weights: bool = True) -> Recipe:
    """The recipe with everything that it names on a hub on this machine. Raises KnownError as `local_copy`.

    Args:
        weights: of models too; without them their shape and their tokenizer can be looked at.
    """

    def here(name: Path, kind: Kind = "model") -> Path:
        return local_copy(name, kind, say=_say, weights=weights) if is_hub_name(name) else name

    ppo = recipe.ppo
    if ppo is not None:
        ppo = replace(
            ppo,
            reward_model=ppo.reward_model and here(ppo.reward_model),
            value_model=ppo.value_model and here(ppo.value_model),
        )
    return replace(
        recipe,
        model=str(here(Path(recipe.model))) if recipe.model and is_hub_name(recipe.model) else recipe.model,
        tokenizer=recipe.tokenizer and here(recipe.tokenizer),
        data=tuple(replace(file, path=here(file.path, "data")) for file in recipe.data),
        eval_data=tuple(replace(file, path=here(file.path, "data")) for file in recipe.eval_data),
        ppo=ppo,
    )


def _say(text: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
