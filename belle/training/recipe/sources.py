"""What a recipe depends on: the recipes that run before it, and the models and data that it names on a hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from belle.clients.copies import Part, is_hub_name, local_copy, model_here
from belle.errors import KnownError
from belle.training.cluster.ranks import say_once
from belle.training.recipe.load import load_recipe
from belle.training.recipe.options import DataFile
from belle.training.recipe.schema import Recipe

_RECIPE_SUFFIXES = (".yaml", ".yml")


def chain(recipe: Recipe) -> list[Recipe]:
    """The recipe, and before it the recipes whose models it needs, each once, the first to be run first.

    Raises KnownError: as `load_recipe`, and "recipe_loop" when a recipe starts from itself.
    """
    order: dict[Path, Recipe] = {}

    def visit(current: Recipe, above: list[Path]) -> None:
        above = [*above, current.source.resolve()]
        for path in _bases_of(current):
            if path.resolve() in above:
                raise KnownError("recipe_loop", f"{recipe.source} starts from itself, through {path}.", path=str(path))
            if path.resolve() not in order:
                visit(load_recipe(path), above)
        order[above[-1]] = current

    visit(recipe, [])
    return list(order.values())


def with_models(recipe: Recipe) -> Recipe:
    """The recipe with the final folders of the recipes that it names. Raises KnownError as `load_recipe`."""
    model = str(_final_of(Path(recipe.model))) if recipe.model and is_recipe(recipe.model) else recipe.model
    ppo = recipe.ppo
    if ppo is not None:
        ppo = replace(
            ppo,
            reward_model=ppo.reward_model and _final_of(ppo.reward_model),
            value_model=ppo.value_model and _final_of(ppo.value_model),
        )
    return replace(recipe, model=model, ppo=ppo)


def tokenizer_of(recipe: Recipe, *, or_of_base: bool = False) -> str:
    """The folder or the name of the tokenizer that a run of `recipe` uses.

    Args:
        or_of_base: take the tokenizer of an earlier recipe's base where that recipe has not made its own yet.

    Raises KnownError("model_missing") where an earlier recipe has to make it first, and those of `load_recipe`.
    """
    named = recipe.tokenizer or (recipe.init.tokenizer if recipe.init else None)
    if named is not None:
        return str(named)
    model = str(recipe.model)
    if not is_recipe(model):
        return model
    base = load_recipe(Path(model))
    final = base.run_folder.final
    if (final / "tokenizer_config.json").exists():
        return str(final)
    if base.traits.makes_tokenizer and not or_of_base:
        message = f"The tokenizer is made by {model}, which has not been run."
        raise KnownError("model_missing", message, f"Run it first: belle train {model}", path=model)
    return tokenizer_of(base, or_of_base=or_of_base)


def fetched(recipe: Recipe, *, weights: bool = True) -> Recipe:
    """The recipe with local copies of everything that it names on a hub. Raises KnownError as `local_copy`.

    Args:
        weights: False leaves the models' weights out; their shape and their tokenizer can be read without.
    """

    def model(name: Path) -> Path:
        return local_copy(name, "model", say=say_once, weights=weights) if is_hub_name(name) else name

    def data(files: Sequence[DataFile]) -> tuple[DataFile, ...]:
        return tuple(
            replace(file, path=local_copy(file.path, "data", say=say_once)) if is_hub_name(file.path) else file
            for file in files
        )

    ppo = recipe.ppo
    if ppo is not None:
        ppo = replace(
            ppo,
            reward_model=ppo.reward_model and model(ppo.reward_model),
            value_model=ppo.value_model and model(ppo.value_model),
        )
    vision = recipe.vision
    if vision is not None:
        vision = replace(vision, tower=vision.tower and model(vision.tower))
    needs: set[Part] = {"config"}
    needs |= {"tokenizer"} if recipe.tokenizer is None else set()
    needs |= {"weights"} if weights else set()
    return replace(
        recipe,
        model=recipe.model and model_here(recipe.model, needs=needs, say=say_once),
        tokenizer=recipe.tokenizer and model(recipe.tokenizer),
        data=data(recipe.data),
        mix=recipe.mix and replace(recipe.mix, general=data(recipe.mix.general)),
        eval_data=data(recipe.eval_data),
        ppo=ppo,
        vision=vision,
    )


def _bases_of(recipe: Recipe) -> list[Path]:
    """The recipes that this one names."""
    ppo = recipe.ppo
    named = [recipe.model, *([ppo.reward_model, ppo.value_model] if ppo is not None else [])]
    return [Path(name) for name in named if name is not None and is_recipe(name)]


def is_recipe(name: str | Path) -> bool:
    """Whether it names a recipe, whose final model is meant, and not a model."""
    return str(name).endswith(_RECIPE_SUFFIXES)


def _final_of(path: Path) -> Path:
    """The final folder of that recipe, or the folder itself."""
    return load_recipe(path).run_folder.final if is_recipe(path) else path
