"""Supervised fine-tuning: conversations in, a model that answers like their assistant out.

In full, with LoRA, or with LoRA on a quantized base (QLoRA): that is for the recipe and `belle.training.model.load`.
"""

from __future__ import annotations

from belle.training.recipe.load import Recipe
from belle.training.stages import next_token


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    next_token.run(recipe, "conversation")
