"""What the rows of a table say about a model besides its scores: a label, and factors in columns of their own.

A labels file is TOML, for tables such as BELLE's of data factors, or of LoRA against full fine-tuning:

    [[model]]
    name = "chat-lora"                  # as in the table without labels
    label = "LLaMA-7B + LoRA(2M)"
    columns = { "Training data" = "2M", "Additional params" = "17.9M" }
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle.documents import parse_toml, read_document
from belle.errors import KnownError
from belle.texts import short_repr

_LARGEST_FILE = 1 << 20
_ADVICE = 'Such as: [[model]], name = "chat-lora", label = "7B + LoRA", columns = { Data = "2M" }, each on its line.'


@dataclass(frozen=True, slots=True)
class ModelLabels:
    """Of the models that have one.

    Attributes:
        labels: by model.
        factors: by model, then by column.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Of all models, in the order of the file."""
        return list(dict.fromkeys(name for factors in self.factors.values() for name in factors))

    def label(self, model: str) -> str:
        """What a model is called in a table."""
        return self.labels.get(model, model)

    def factor(self, model: str, column: str) -> str:
        """What stands in a column of a model."""
        return self.factors.get(model, {}).get(column, "")


def read_labels(path: Path, models: Collection[str]) -> ModelLabels:
    """The labels in a file. Raises KnownError ("bad_labels"), also for a model that is not one of `models`."""
    document = read_document(path, parse_toml, kind="bad_labels", longest=_LARGEST_FILE, advice=_ADVICE)
    rows = document.get("model")
    if not isinstance(rows, list) or set(document) != {"model"}:
        raise _bad(path, "has something else in it than tables [[model]]")
    labels: dict[str, str] = {}
    factors: dict[str, dict[str, str]] = {}
    for row in rows:
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str) or name in factors:
            raise _bad(path, f"has a model with the name {short_repr(name)}, which is no name, or not the first")
        if name not in models:
            raise _bad(path, f"names the model “{name}”; the report has {', '.join(models)}")
        labels[name], factors[name] = _label(path, name, row)
    return ModelLabels(labels, factors)


def _label(path: Path, name: str, row: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    label, columns = row.get("label", name), row.get("columns", {})
    unknown = set(row) - {"name", "label", "columns"}
    if unknown:
        raise _bad(path, f"has the unknown key {short_repr(min(unknown))}")
    if not isinstance(label, str) or not isinstance(columns, dict):
        raise _bad(path, f"has a label of {name} that is not text, or columns that are not a table")
    for value in columns.values():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _bad(path, f"has {short_repr(value)} in a column of {name}, which is neither text nor a number")
    return label, {column: str(value) for column, value in columns.items()}


def _bad(path: Path, said: str) -> KnownError:
    return KnownError("bad_labels", f"{path} {said}.", _ADVICE, path=str(path))
