"""From a recipe to the stage that runs it, and from a recipe that starts from others to all of them, in order."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

from belle.training.checkpoints.manifest import MANIFEST
from belle.training.recipe.chain import chain, with_models
from belle.training.recipe.fetching import fetched
from belle.training.recipe.load import Recipe


def run_recipe(recipe: Recipe) -> Path:
    """Run it, after the recipes it starts from where their final model is not there yet. Returns `final/`.

    A recipe it starts from that was interrupted goes on from its checkpoint. Raises KnownError, `interrupts.Stopped`.
    """
    *before, last = chain(recipe)
    for base in before:
        if not (base.run_folder.final / MANIFEST).exists():
            _run(replace(with_models(base), resume=True))
    _run(with_models(last))
    return last.run_folder.final


def _run(recipe: Recipe) -> None:
    importlib.import_module(recipe.traits.module).run(fetched(recipe))
