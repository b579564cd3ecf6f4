"""The fields of a JSON body, each looked at before it is used; what is wrong is said with the field's name.

`null` counts as not given, as in OpenAI's API.
"""

from __future__ import annotations

import math
from typing import Any

from belle.server.errors import ApiError, bad_request
from belle.texts import is_whole, short_repr


class Fields:
    """An object of the body.

    Args:
        value: what should be an object.
        path: where it stands, "" for the body itself.
    """

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise bad_request(f"{path or 'The body'} must be an object, not {short_repr(value)}.", path or None)
        self._row = value
        self._path = path

    def path(self, name: str) -> str:
        """The name of a field, with where it stands."""
        return f"{self._path}.{name}" if self._path else name

    def get(self, name: str) -> Any:
        """Whatever is there; None when nothing is."""
        return self._row.get(name)

    def wrong(self, name: str, expected: str) -> ApiError:
        """The error for a field that is not what it should be."""
        return bad_request(f"{self.path(name)} must be {expected}, not {short_repr(self.get(name))}.", self.path(name))

    def text(self, name: str) -> str | None:
        """A text without half characters. Raises ApiError, as all here do."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.wrong(name, "a string")
        if not is_whole(value):
            raise bad_request(f"{self.path(name)} holds half of a character (a lone surrogate).", self.path(name))
        return value

    def required_text(self, name: str) -> str:
        """A text that has to be given."""
        value = self.text(name)
        if value is None:
            raise bad_request(f"{self.path(name)} is missing.", self.path(name))
        return value

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(name, f"a whole number from {low:,} to {high:,}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`."""
        value = self.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not low <= value <= high:
            raise self.wrong(name, f"a number from {low:g} to {high:g}")
        return float(value)

    def rows(self, name: str, most: int) -> list[Any]:
        """A list of at most `most` values; empty when it is not given."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        if len(value) > most:
            raise bad_request(
                f"{self.path(name)} has {len(value):,} entries; at most {most:,} are taken.", self.path(name)
            )
        return value

    def inner(self, name: str) -> Fields | None:
        """An object."""
        value = self.get(name)
        return None if value is None else Fields(value, self.path(name))

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A text, or a list of at most `most` of them."""
        if isinstance(self.get(name), str):
            return (self.required_text(name),)
        rows = self.rows(name, most)
        if not all(isinstance(row, str) and is_whole(row) for row in rows):
            raise self.wrong(name, "a string or a list of strings")
        return tuple(rows)


def token_ids(value: Any) -> tuple[int, ...] | None:
    """`value` as ids of tokens, None where it is no list of them."""
    is_ids = isinstance(value, list) and value and all(type(item) is int and 0 <= item < 1 << 31 for item in value)
    return tuple(value) if is_ids else None
