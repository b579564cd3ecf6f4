"""What a recipe names on a hub (`hub:owner/name[/file][@revision]`, a model also as `owner/name`), as what is here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from belle.clients.copies import Part, is_hub_name, local_copy, model_here
from belle.training.recipe.load import DataFile, Recipe


def fetched(recipe: Recipe, *, weights: bool = True) -> Recipe:
    """The recipe with everything that it names on a hub on this machine. Raises KnownError as `local_copy`.

    Args:
        weights: of models too; without them their shape and their tokenizer can be looked at.
    """

    def model(name: Path) -> Path:
        return local_copy(name, "model", say=_say, weights=weights) if is_hub_name(name) else name

    def data(files: Sequence[DataFile]) -> tuple[DataFile, ...]:
        return tuple(
            replace(file, path=local_copy(file.path, "data", say=_say)) if is_hub_name(file.path) else file
            for file in files
        )

    ppo = recipe.ppo
    if ppo is not None:
        ppo = replace(
            ppo,
            reward_model=ppo.reward_model and model(ppo.reward_model),
            value_model=ppo.value_model and model(ppo.value_model),
        )
    needs: set[Part] = {"config"}
    needs |= {"tokenizer"} if recipe.tokenizer is None else set()
    needs |= {"weights"} if weights else set()
    return replace(
        recipe,
        model=recipe.model and model_here(recipe.model, needs=needs, say=_say),
        tokenizer=recipe.tokenizer and model(recipe.tokenizer),
        data=data(recipe.data),
        eval_data=data(recipe.eval_data),
        ppo=ppo,
    )


def _say(text: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
