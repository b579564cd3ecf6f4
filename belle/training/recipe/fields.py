"""From the mapping that a YAML file holds to a frozen dataclass, with errors that name the file and the key.

A recipe is checked in full before anything heavy is imported, so that a typing mistake costs a second and not the
minutes it takes to load a model.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from belle.errors import KnownError

T = TypeVar("T")


class FieldError(ValueError):
    """A value that its dataclass refuses, raised in `__post_init__`; `build` adds the file and the key in front.

    Args:
        key: the field.
        message: what is wrong, as the rest of a sentence that begins with the key: “must be at least 1”.
        advice: what to do.
    """

    def __init__(self, key: str, message: str, advice: str = "") -> None:
        super().__init__(f"{key} {message}")
        self.key = key
        self.message = message
        self.advice = advice


def build(cls: type[T], values: Any, *, source: str, prefix: str = "") -> T:
    """Make the dataclass `cls` of the mapping `values`.

    Supported types of fields: bool, int, float (also written `2e-5`, which YAML reads as a text), str, Path, Literal,
    tuples, mappings, dataclasses, and unions of them. A field whose metadata says `{"key": False}` cannot be set.

    Args:
        source: the file, for errors.
        prefix: the key that holds `values`, with a dot at its end; "" at the top.

    Raises KnownError("recipe_wrong") for a wrong type, value or key, and for a key that is missing.
    """
    if not isinstance(values, Mapping):
        raise wrong(source, prefix.rstrip("."), f"must be a mapping of keys to values, not {_shown(values)}")
    known = {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("key", True)}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    given: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            advice = f"Did you mean “{prefix}{close[0]}”?" if close else f"Known keys: {', '.join(known)}."
            raise wrong(source, f"{prefix}{key}", "is not a key of a recipe", advice)
        given[key] = convert(hints[key], value, source=source, key=f"{prefix}{key}")
    for name, field in known.items():
        missing = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if missing and name not in given:
            raise wrong(source, f"{prefix}{name}", "is missing")
    try:
        return cls(**given)
    except FieldError as error:
        raise wrong(source, f"{prefix}{error.key}", error.message, error.advice) from None


def wrong(source: str, key: str, message: str, advice: str = "") -> KnownError:
    """The error for one key of a recipe; `message` continues a sentence that begins with the key."""
    subject = f"“{key}” " if key else ""
    return KnownError("recipe_wrong", f"{source}: {subject}{message}.", advice, path=source, key=key)


def convert(hint: Any, value: Any, *, source: str, key: str) -> Any:
    """`value` converted to the type `hint`. Raises KnownError("recipe_wrong")."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint), value, source, key)
    if origin is Literal:
        if value in get_args(hint) and not isinstance(value, bool):
            return value
        choices = [str(choice) for choice in get_args(hint)]
        close = get_close_matches(str(value), choices, n=1)
        hint_text = f"Did you mean “{close[0]}”? " if close else ""
        raise wrong(source, key, f"cannot be {_shown(value)}", f"{hint_text}It is one of: {', '.join(choices)}.")
    if origin is tuple:
        return _tuple(get_args(hint), value, source, key)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, source=source, prefix=f"{key}.")
    if origin is not None and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            return dict(value)
    elif (simple := _simple(hint, value)) is not None:
        return simple[0]
    raise wrong(source, key, f"must be {_name(hint)}, not {_shown(value)}")


def _simple(hint: Any, value: Any) -> tuple[Any] | None:
    """`value` as the plain type `hint`, in a tuple of one because it may be None; None when it does not fit."""
    if hint in (int, float):
        return _number(hint, value)
    if hint in (bool, str) and isinstance(value, hint):
        return (value,)
    if hint is Path and isinstance(value, str) and value:
        return (Path(value).expanduser(),)
    return (value,) if hint is Any else None


def _number(hint: type, value: Any) -> tuple[Any] | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    if hint is float:
        return (number,)
    return (int(number),) if number == int(number) and not isinstance(value, str) else None


def _union(hints: Sequence[Any], value: Any, source: str, key: str) -> Any:
    if value is None and type(None) in hints:
        return None
    candidates = [hint for hint in hints if hint is not type(None)]
    for hint in candidates:
        try:
            return convert(hint, value, source=source, key=key)
        except KnownError:
            if len(candidates) == 1:
                raise
            # A mapping can only be meant for the dataclass; its own error says more than the sum of all.
            if isinstance(value, Mapping) and dataclasses.is_dataclass(hint):
                raise
    raise wrong(source, key, f"must be {' or '.join(_name(hint) for hint in hints)}, not {_shown(value)}")


def _tuple(hints: Sequence[Any], value: Any, source: str, key: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong(source, key, f"must be a list, not {_shown(value)}", f"Write it as [{value}].")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(convert(hints[0], part, source=source, key=f"{key}[{i}]") for i, part in enumerate(value))
    if len(hints) != len(value):
        raise wrong(source, key, f"must be a list of {len(hints)}, not of {len(value)}")
    return tuple(
        convert(hint, part, source=source, key=f"{key}[{i}]")
        for i, (hint, part) in enumerate(zip(hints, value, strict=True))
    )


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path"}


def _name(hint: Any) -> str:
    if hint is type(None):
        return "null"
    if get_origin(hint) is Literal:
        return " or ".join(f"“{choice}”" for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return "a list"
    return _NAMES.get(hint, "a mapping")


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:60] + "…"
