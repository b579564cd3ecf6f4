"""Run a recipe with its stage, and before it the recipes whose models it starts from."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

from belle.training.checkpoints.manifest import MANIFEST
from belle.training.recipe.schema import Recipe
from belle.training.recipe.sources import chain, fetched, with_models
from belle.training.tokenizer.identity import LlamaIds


def run_recipe(recipe: Recipe, *, llama_ids: LlamaIds | None = None) -> Path:
    """Run a recipe, after those recipes that it starts from whose final model does not exist yet.

    Such a recipe resumes if it was interrupted. Returns the path of `final/`.

    Args:
        llama_ids: asks llama.cpp for token ids; for stages that make a tokenizer.

    Raises KnownError, `interrupts.Stopped`.
    """
    *before, last = chain(recipe)
    for base in before:
        if not (base.run_folder.final / MANIFEST).exists():
            _run(replace(with_models(base), resume=True), llama_ids)
    _run(with_models(last), llama_ids)
    return last.run_folder.final


def _run(recipe: Recipe, llama_ids: LlamaIds | None) -> None:
    stage = importlib.import_module(recipe.traits.module)
    if recipe.traits.makes_tokenizer:
        stage.run(fetched(recipe), llama_ids)
    else:
        stage.run(fetched(recipe))
