"""Checks the values of options in `adapter_config.json`: each function returns a usable value, or refuses it by name.

All raise KnownError("damaged_adapter").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from belle.errors import KnownError
from convert.patterns import refused_pattern

T = TypeVar("T")


def number(path: Path, name: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise damaged_option(path, name, value)
    return float(value)


def rank(path: Path, name: str, value: Any) -> int:
    """A whole number of at least 1."""
    if type(value) is not int or value < 1:
        raise damaged_option(path, name, value)
    return value


def by_pattern(path: Path, name: str, value: Any, read: Callable[[Path, str, Any], T]) -> dict[str, T]:
    """Values by pattern, each parsed by `read`; {} for an option that is not set."""
    if not isinstance(value or {}, dict):
        raise damaged_option(path, name, value)
    return {pattern(path, name, p): read(path, f"{name}[{p!r}]", v) for p, v in (value or {}).items()}


def names(path: Path, name: str, value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(part, str) for part in value):
        raise damaged_option(path, name, value)
    return tuple(value)


def pattern(path: Path, name: str, value: str) -> str:
    """A regular expression whose matching always ends in reasonable time."""
    if refused_pattern(value) is not None:
        raise damaged_option(path, name, value)
    return value


def damaged_option(path: Path, name: str, value: Any) -> KnownError:
    """The error for a value that the option cannot have."""
    message = f"{path} says {name} is {str(value)[:80]!r}."
    return KnownError("damaged_adapter", message, "Take the file that PEFT saved.", path=str(path))
