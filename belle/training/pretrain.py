"""Pre-training, from random weights or continued: plain text in, every token trained, each document closed by the end
token."""

from __future__ import annotations

from belle.training.recipe.load import Recipe
from belle.training.stages import next_token


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    next_token.run(recipe, "text")
