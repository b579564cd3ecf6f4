"""Reads values of a JSON document whose shape is only known from practice: what is not as expected counts as absent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from belle.errors import KnownError

LATEST = 1e11
"""Seconds since the epoch (the year 5138): a larger number is in milliseconds, and no calendar shows it as seconds."""

_LONGEST_NAME = 200  # characters


def member(value: Any, *path: str | int) -> Any:
    """What stands at `path` (keys of objects, indices of lists) inside a value; None where something is missing."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def text(value: Any) -> str:
    """A text; anything else is empty."""
    return value if isinstance(value, str) else ""


def name_of(value: Any) -> str:
    """A name on one line, which is not longer than a dialog allows; anything but a text is empty."""
    return " ".join(text(value).split())[:_LONGEST_NAME].strip()


def items(value: Any) -> list[Any]:
    """A list; anything else is empty."""
    return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def seconds(value: Any) -> float | None:
    """A time as seconds since the epoch, given in seconds, in milliseconds, or in the form of ISO 8601."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    found = number(value)
    if found is None or not 0 <= found < LATEST * 1000:
        return None
    return found / 1000 if found >= LATEST else found


def check_version(version: Any, newest: int, path: Path) -> None:
    """Raises KnownError `newer_export` if `version`, of one of our own formats in `path`, is not one up to `newest`."""
    if isinstance(version, bool) or not isinstance(version, int) or version > newest:
        raise KnownError(
            "newer_export",
            f"{path} was exported by a newer ChatBELLE (format {version!r}; this one reads formats up to {newest}).",
            "Import it with the newer ChatBELLE.",
            path=str(path),
        )
