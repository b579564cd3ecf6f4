"""`--set key=value`: changes to a recipe from the command line, read as YAML and put in their place by dotted keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from belle.documents import DocumentError, parse_yaml
from belle.errors import KnownError
from belle.texts import short_repr


def parse_override(text: str) -> tuple[list[str], Any]:
    """`lora.r=16` as `(["lora", "r"], 16)`. Raises KnownError("override_wrong")."""
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
        place = result
        for part in path[:-1]:
            inner = place.get(part)
            if inner is None:
                inner = place[part] = {}
            if not isinstance(inner, dict):
                raise KnownError("override_wrong", f"--set {text}: “{part}” holds a value, not a mapping.", text=text)
            place = inner
        place[path[-1]] = value
        changed.add(path[0])
        if path == ["model"]:
            result.pop("init", None)
        elif path[0] == "init":
            result.pop("model", None)
    return result, changed


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value
