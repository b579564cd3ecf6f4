"""Recipes that start from others: all of them in order, and where their models will be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from belle.errors import KnownError
from belle.training.recipe.load import Recipe, load_recipe

_RECIPE_SUFFIXES = (".yaml", ".yml")


def chain(recipe: Recipe) -> list[Recipe]:
    """The recipe, and before it the recipes whose models it needs, each once, the first to be run first.

    Raises KnownError: as `load_recipe`, and "recipe_loop" when a recipe starts from itself.
    """
    order: dict[Path, Recipe] = {}

    def visit(current: Recipe, above: list[Path]) -> None:
        above = [*above, current.source.resolve()]
        for path in _needed(current):
            if path.resolve() in above:
                raise KnownError("recipe_loop", f"{recipe.source} starts from itself, through {path}.", path=str(path))
            if path.resolve() not in order:
                visit(load_recipe(path), above)
        order[above[-1]] = current

    visit(recipe, [])
    return list(order.values())


def with_models(recipe: Recipe) -> Recipe:
    """The recipe with the final folders of the recipes that it names. Raises KnownError as `load_recipe`."""
    model = str(_made(Path(recipe.model))) if recipe.model and _is_recipe(recipe.model) else recipe.model
    ppo = recipe.ppo
    if ppo is not None:
        ppo = replace(
            ppo,
            reward_model=ppo.reward_model and _made(ppo.reward_model),
            value_model=ppo.value_model and _made(ppo.value_model),
        )
    return replace(recipe, model=model, ppo=ppo)


def _needed(recipe: Recipe) -> list[Path]:
    """The recipes that this one names."""
    ppo = recipe.ppo
    named = [recipe.model, *([ppo.reward_model, ppo.value_model] if ppo is not None else [])]
    return [Path(name) for name in named if name is not None and _is_recipe(name)]


def _is_recipe(name: str | Path) -> bool:
    return str(name).endswith(_RECIPE_SUFFIXES)


def _made(path: Path) -> Path:
    """The final folder of that recipe, or the folder itself."""
    return load_recipe(path).run_folder.final if _is_recipe(path) else path
