"""Every key of a recipe with its type, its default and its meaning, taken from the dataclasses.

Python does not keep the docstrings of fields, so they are parsed from the source: each is written once. Nothing heavy
is imported.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from belle.errors import KnownError
from belle.training.recipe.schema import Recipe

_WIDTH = 100
_LIKE_DATA = ("eval_data", "general")
"""Lists of files, whose keys are those of `data[]`."""
_TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True)
class RecipeKey:
    """One key.

    Args:
        name: with dots into mappings; `data[].path` is the key of each entry of a list.
        group: of the keys that belong together: the mapping that it stands in, or `recipe`.
        type: in words.
        default: as YAML; None where the key has to be given.
        meaning: a sentence or two.
    """

    name: str
    group: str
    type: str
    default: str | None
    meaning: str


def recipe_keys() -> list[RecipeKey]:
    """All keys, those of the recipe itself first, then those of each mapping in it."""
    return list(_keys_of(Recipe, ""))


def describe(wanted: str = "") -> str:
    """The keys whose name has `wanted` in it, or that belong to that group; all by default.

    Raises KnownError("usage") when there are none.
    """
    from difflib import get_close_matches

    keys = recipe_keys()
    matching = [key for key in keys if key.group == wanted] or [key for key in keys if wanted in key.name]
    if not matching:
        names = sorted({key.group for key in keys} | {key.name for key in keys})
        close = get_close_matches(wanted, names, n=3)
        near = f"Did you mean {' or '.join(close)}?" if close else "“belle train --keys” prints all."
        raise KnownError("usage", f"No key of a recipe is called {wanted}.", near)
    lines: list[str] = []
    for group in dict.fromkeys(key.group for key in matching):
        lines += ["", group, "-" * len(group)] if lines else [group, "-" * len(group)]
        for key in matching:
            if key.group == group:
                lines += _shown(key)
    return "\n".join(lines)


def _shown(key: RecipeKey) -> Sequence[str]:
    default = "has to be given" if key.default is None else f"default {key.default}"
    head = f"{key.name}: {key.type}; {default}"
    return [head, *textwrap.wrap(key.meaning, _WIDTH, initial_indent="    ", subsequent_indent="    ")]


def _keys_of(cls: type, prefix: str) -> Iterator[RecipeKey]:
    """The keys of a dataclass, then those of the dataclasses that its fields hold."""
    hints, meanings = get_type_hints(cls), _docstrings(cls)
    fields = [field for field in dataclasses.fields(cls) if field.metadata.get("key", True)]
    for field in fields:
        group = prefix.rstrip(".").removesuffix("[]") or "recipe"
        yield RecipeKey(f"{prefix}{field.name}", group, _type(hints[field.name]), _default(field), meanings[field.name])
    for field in fields:
        if (inner := _mapping_in(hints[field.name])) is not None and field.name not in _LIKE_DATA:
            many = "[]" if get_origin(hints[field.name]) is tuple else ""
            yield from _keys_of(inner, f"{prefix}{field.name}{many}.")


def _docstrings(cls: type) -> dict[str, str]:
    """The text that follows each field in the source of a dataclass."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef)
    meanings: dict[str, str] = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = text.value if isinstance(text, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                meanings[field.target.id] = " ".join(value.value.split())
    return meanings


def _type(hint: Any) -> str:
    """A type in words, without null, which the default says."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in inner if part is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner)) if len(inner) > 1 else str(inner[0])
    if origin is tuple:
        if inner[1:] == (Ellipsis,):
            return f"list ({_type(inner[0])} each)"
        return f"list of {len(inner)} ({_type(inner[0])} each)"
    return _TYPES.get(hint, "mapping")


def _default(field: dataclasses.Field[Any]) -> str | None:
    if field.default is dataclasses.MISSING:
        return None
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    if isinstance(value, float):
        return f"{value:g}"
    return str(yaml.safe_dump(value, default_flow_style=True, width=1000)).removesuffix("\n...\n").strip()


def _mapping_in(hint: Any) -> type | None:
    """The dataclass that a type is, may be, or is a list of."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint
    return next((inner for part in get_args(hint) if (inner := _mapping_in(part)) is not None), None)
