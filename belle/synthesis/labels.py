"""Labels that requests are made with (scene, kind of task, constraint, form of the answer), drawn so that they balance.

The file of labels is TOML, with a table for each dimension:

[scene]
values = ["a kitchen", "a train", "a court"]
weights = [1, 1, 2]          # may be left out: all alike
name = "Scene"               # as the prompt calls it; may be left out

A label is drawn with a probability proportional to w / (1 + c / w), w being its weight and c the number of rows so far
that carry it: inversely to how frequent it is for its weight. With p ∝ w² / c the counts grow as c ∝ w, so in the long
run rows have labels in the ratio of the weights. Where only a share a of the rows with a label is accepted, its count
is √a of that, and not a. (Dial-insight, arXiv 2403.09167, draws labels by weights that balance; how the weights are
made it does not say.)
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from belle.documents import parse_toml, read_document
from belle.errors import KnownError
from belle.texts import short_repr

_LONGEST_FILE = 1 << 20
_MOST_VALUES = 10_000
_LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
class LabelDimension:
    """One thing that labels say.

    Attributes:
        key: of the column.
        name: as a prompt calls it.
        weights: by value, above 0.
    """

    key: str
    name: str
    weights: Mapping[str, float]


class LabelCounts:
    """Draws labels, and counts the rows that carry them.

    Args:
        dimensions: none draws nothing.
    """

    def __init__(self, dimensions: tuple[LabelDimension, ...] = ()) -> None:
        self.dimensions = dimensions
        self._counts: Counter[tuple[str, str]] = Counter()

    def draw(self, chance: random.Random) -> dict[str, str]:
        """One label of each dimension, by key."""
        labels = {}
        for dimension in self.dimensions:
            counts = [self._counts[dimension.key, value] for value in dimension.weights]
            odds = [w / (1 + count / w) for w, count in zip(dimension.weights.values(), counts, strict=True)]
            labels[dimension.key] = chance.choices(list(dimension.weights), odds)[0]
        return labels

    def count(self, labels: Mapping[str, str]) -> None:
        """A row with these labels was accepted."""
        self._counts.update(labels.items())

    def describe(self, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        """Names and values, as a prompt lists them."""
        return [(dimension.name, labels[dimension.key]) for dimension in self.dimensions if dimension.key in labels]


def read_labels(path: Path) -> tuple[LabelDimension, ...]:
    """The dimensions of a file. Raises KnownError ("bad_labels", and those of reading a file)."""
    document = read_document(path, parse_toml, kind="bad_labels", longest=_LONGEST_FILE)
    try:
        if not document:
            raise _LabelError("has no table")
        return tuple(_dimension(str(key), table) for key, table in document.items())
    except _LabelError as error:
        advice = 'Such as: [scene] values = ["a kitchen", "a train"]'
        raise KnownError("bad_labels", f"{path} {error}.", advice, path=str(path)) from None


class _LabelError(ValueError):
    """What is wrong with the labels: a clause that follows the name of the file."""


def _dimension(key: str, table: object) -> LabelDimension:
    if not isinstance(table, dict):
        raise _LabelError(f"has {short_repr(key)} outside of a table: each dimension is a table with “values”")
    unknown = set(table) - {"values", "weights", "name"}
    if unknown:
        raise _LabelError(f"has the unknown key {short_repr(min(unknown))} in [{key}]")
    values, name = table.get("values"), table.get("name", key)
    if not isinstance(values, list) or not 1 <= len(values) <= _MOST_VALUES or not all(map(_is_value, values)):
        raise _LabelError(f"has no list of texts “values” in [{key}]")
    if not _is_value(name):
        raise _LabelError(f"has a “name” in [{key}] that is not a text")
    if len(set(values)) < len(values):
        raise _LabelError(f"has a value twice in [{key}]")
    weights = table.get("weights", [1] * len(values))
    if not isinstance(weights, list) or len(weights) != len(values) or not all(map(_is_weight, weights)):
        raise _LabelError(f"has “weights” in [{key}] that are not a number above 0 for each value")
    return LabelDimension(key, name, dict(zip(values, map(float, weights), strict=True)))


def _is_value(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST_VALUE


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
