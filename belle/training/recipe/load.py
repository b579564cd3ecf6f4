"""A recipe: everything that decides what a training run does, as one flat YAML file and one frozen dataclass.

`load_recipe` reads it, applies `--set`, and checks all of it with nothing but the standard library and PyYAML. What
the run really used is written beside its checkpoints as `recipe.yaml`, with every default in it. The keys are in
`schema`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from belle.clients.copies import is_hub_name, parse_hub_name
from belle.documents import DocumentError
from belle.errors import KnownError
from belle.model_names import is_on_the_hub, nearby_folders
from belle.path_guard import check_input, check_output_folder, exists
from belle.texts import short_repr
from belle.training.recipe.fields import build, wrong
from belle.training.recipe.schema import Recipe
from belle.yaml_reader import parse_yaml, read_yaml


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read the recipe, with changes such as `learning_rate=1e-5`, and check all of it.

    Paths in the file are relative to the file, paths in `overrides` to the current directory; a path that does not
    exist there is looked for in the other folder. `output_dir` is always relative to the current directory.

    Raises KnownError: `file_missing`, `recipe_wrong` (with the key), `override_wrong`, `unknown_template`.
    """
    values, changed = apply_overrides(_read(path), overrides)
    for name in ("data", "eval_data"):
        values[name] = _as_files(values.get(name))
    if isinstance(values.get("mix"), dict):
        values["mix"] = {**values["mix"], "general": _as_files(values["mix"].get("general"))}
    recipe = build(Recipe, values, source=str(path))

    def folders_of(key: str) -> tuple[Path, Path]:
        return (Path(), path.parent) if key in changed else (path.parent, Path())

    resolved: dict[str, Any] = {}
    for name in (f.name for f in dataclasses.fields(recipe) if f.name not in ("output_dir", "source")):
        resolved[name] = _resolve_paths(getattr(recipe, name), folders_of(name))
    if recipe.model is not None:
        resolved["model"] = _resolve_model(recipe.model, folders_of("model"), path)
    recipe = dataclasses.replace(recipe, source=path, **resolved)
    _check_files(recipe, path)
    return recipe


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML with every default, which `load_recipe` reads back from any folder."""
    return str(yaml.safe_dump(recipe_values(recipe), sort_keys=False, allow_unicode=True, width=120))


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values that YAML and JSON can hold, paths absolute."""
    fields = (f for f in dataclasses.fields(recipe) if f.metadata.get("key", True))
    return {f.name: _plain(getattr(recipe, f.name)) for f in fields}


def _read(path: Path) -> dict[str, Any]:
    values = read_yaml(path, kind="recipe_wrong")
    if not isinstance(values, dict):
        raise wrong(str(path), "", "a recipe is a mapping of keys to values")
    return values


def _as_files(value: Any) -> Any:
    """A file name alone stands for a file with the default format and weight."""
    if value is None:
        return []
    files = value if isinstance(value, list) else [value]
    return [{"path": part} if isinstance(part, str) else part for part in files]


def _resolve_paths(value: Any, folders: Sequence[Path]) -> Any:
    """`value` with every path in it resolved by `_resolve_path`."""
    if isinstance(value, Path):
        return _resolve_path(value, folders)
    if isinstance(value, tuple):
        return tuple(_resolve_paths(part, folders) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _resolve_paths(getattr(value, f.name), folders) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    return value


def _resolve_path(path: Path, folders: Sequence[Path]) -> Path:
    """`path` in the first of `folders` that has it; in the first folder when none has."""
    if is_hub_name(path):
        return path
    candidates = [folder / path for folder in folders]
    return next((candidate for candidate in candidates if exists(candidate)), candidates[0])


def _resolve_model(name: str, folders: Sequence[Path], source: Path) -> str:
    """A folder or recipe that exists, or else a name on the hub."""
    if is_hub_name(name):
        _check_hub_name(name, "model", source)
        return name
    path = _resolve_path(Path(name).expanduser(), folders)
    if path.exists():
        return str(path)
    if is_on_the_hub(name, folders):
        return name
    advice = nearby_folders(name, folders)
    raise wrong(str(source), "model", f"is {name}, and there is no such file or folder", advice)


def _check_files(recipe: Recipe, path: Path) -> None:
    """Check that every input exists as a file or a folder, and that `output_dir` can be one."""
    from belle.training.tokenizer.templates import check_template_name

    check_template_name(recipe.template)
    named = {
        "data": [file.path for file in recipe.data],
        "eval_data": [file.path for file in recipe.eval_data],
        "mix.general": [file.path for file in recipe.mix.general] if recipe.mix else [],
        "deepspeed": [recipe.deepspeed] if recipe.deepspeed else [],
        "tokenizer": [recipe.tokenizer] if recipe.tokenizer else [],
        "init.tokenizer": [recipe.init.tokenizer] if recipe.init else [],
        "vision.tower": [recipe.vision.tower] if recipe.vision and recipe.vision.tower else [],
        "speech.recordings": [recipe.speech.recordings] if recipe.speech and recipe.speech.recordings else [],
        "vision.pictures": [recipe.vision.pictures] if recipe.vision and recipe.vision.pictures else [],
        "ppo.reward_model": [recipe.ppo.reward_model] if recipe.ppo and recipe.ppo.reward_model else [],
        "ppo.value_model": [recipe.ppo.value_model] if recipe.ppo and recipe.ppo.value_model else [],
    }
    for key, files in named.items():
        for file in files:
            if is_hub_name(file):
                _check_hub_name(file, key, path)
            elif not exists(file):
                raise wrong(str(path), key, f"names {file}, which does not exist")
            else:
                check_input(file)
    try:
        check_output_folder(recipe.output_dir)
    except KnownError as error:
        raise KnownError(error.kind, error.message, "Name another output_dir.", **error.details) from None
    if recipe.model is not None and not is_hub_name(Path(recipe.model)):
        check_input(recipe.model)
    if not recipe.data and not recipe.traits.makes_tokenizer:
        raise wrong(str(path), "data", "is missing", "Name the files to train on.")


def _check_hub_name(name: str | Path, key: str, source: Path) -> None:
    try:
        parse_hub_name(name)
    except KnownError as error:
        raise wrong(str(source), key, f"is {name}, which is not a name on a hub", error.advice) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value) if is_hub_name(value) else str(value.absolute())
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value


def parse_override(text: str) -> tuple[list[str], Any]:
    """The argument of `--set`: `lora.r=16` gives `(["lora", "r"], 16)`. Raises KnownError("override_wrong")."""
    key, equals, value = text.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise KnownError(
            "override_wrong",
            f"--set {text}: it has to be KEY=VALUE.",
            "For instance: --set learning_rate=1e-5",
            text=text,
        )
    try:
        return path, parse_yaml(value)
    except DocumentError as error:
        raise KnownError(
            "override_wrong",
            f"--set {short_repr(text)}: the value {error.message}.",
            "Put quotes around a text with special characters.",
            text=text,
        ) from None


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> tuple[dict[str, Any], set[str]]:
    """`values` with the changes, and the top-level keys that were changed. The argument stays as it is.

    Setting `model` removes `init`, and the other way round: a model is either loaded or made.
    Raises KnownError("override_wrong").
    """
    result = _copy(values)
    changed: set[str] = set()
    for text in overrides:
        path, value = parse_override(text)
        mapping = result
        for part in path[:-1]:
            inner = mapping.get(part)
            if inner is None:
                inner = mapping[part] = {}
            if not isinstance(inner, dict):
                raise KnownError("override_wrong", f"--set {text}: “{part}” holds a value, not a mapping.", text=text)
            mapping = inner
        mapping[path[-1]] = value
        changed.add(path[0])
        if path == ["model"]:
            result.pop("init", None)
        elif path[0] == "init":
            result.pop("model", None)
    return result, changed


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value
