"""Reads values of config.json with checks: it is written by many tools, and a wrong number ruins a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belle.errors import KnownError
from belle.texts import short_repr

MAX_LAYERS = 512  # llama.cpp aborts the process for more
_LARGEST = 2**31 - 1
_LARGEST_FLOAT = 3e38


def key_set(names: str) -> frozenset[str]:
    """The keys in `names`, which are separated by white space."""
    return frozenset(names.split())


def whole(config: Mapping[str, Any], *names: str, default: int | None = None, largest: int = _LARGEST) -> int:
    """The first of `names` that is set, a positive integer. Raises KnownError("bad_config")."""
    for name in names:
        value = config.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= largest:
            raise _bad(name, value, f"a whole number from 1 to {largest}")
        return value
    if default is None:
        raise KnownError(
            "bad_config",
            f"config.json does not give {names[0]}.",
            "The config.json of the original model is needed.",
            name=names[0],
        )
    return default


def optional_whole(config: Mapping[str, Any], *names: str) -> int | None:
    """As `whole`, or None if none of `names` is set."""
    return whole(config, *names) if any(config.get(name) is not None for name in names) else None


def number(config: Mapping[str, Any], *names: str, default: float | None = None) -> float:
    """The first of `names` that is set, a positive finite number. Raises KnownError("bad_config")."""
    for name in names:
        value = config.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LARGEST_FLOAT:
            raise _bad(name, value, "a positive number")
        return float(value)
    if default is None:
        raise KnownError("bad_config", f"config.json does not give {names[0]}.", name=names[0])
    return default


def optional_flag(config: Mapping[str, Any], name: str, default: bool) -> bool:
    """A boolean. Raises KnownError("bad_config")."""
    value = config.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _bad(name, value, "true or false")
    return value


def only(config: Mapping[str, Any], name: str, *allowed: Any, title: str, program: str = "llama.cpp") -> None:
    """Raise KnownError("unsupported_option") for a value that is not `allowed`. A missing one or null is."""
    value = config.get(name)
    if value is not None and value not in allowed:
        raise unsupported(name, value, title, program)


def unsupported(name: str, value: Any, title: str, program: str = "llama.cpp") -> KnownError:
    """The error for a value that is valid, but that `program` cannot compute."""
    return KnownError(
        "unsupported_option",
        f"config.json sets {name} to {short_repr(value)}, which {program} does not compute for {title}.",
        "A file without it would run and answer wrongly, so none is written.",
        name=name,
        value=repr(value),
    )


def _bad(name: str, value: Any, wanted: str) -> KnownError:
    return KnownError("bad_config", f"config.json says {name} is {short_repr(value)}; it must be {wanted}.", name=name)
