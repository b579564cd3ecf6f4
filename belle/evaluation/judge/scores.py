"""The scores of one model's answers on the disk: what a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.documents import read_json_object
from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.judge.verdicts import Verdict
from belle.texts import json_text

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class ModelScores:
    """The verdicts on the answers of one model.

    Attributes:
        model: its name.
        facts: the set, the judge and its prompts.
        verdicts: by item.
        self_checks: the judge's verdicts on answers of known worth, by kind.
    """

    model: str
    facts: Mapping[str, Any]
    verdicts: Mapping[str, Verdict]
    self_checks: Mapping[str, Sequence[Verdict]]


def write_scores(
    path: Path, facts: Mapping[str, Any], verdicts: Sequence[Verdict], checks: Mapping[str, Sequence[Verdict]]
) -> None:
    """Write the scores of one model. Raises KnownError."""
    document = {
        "format": _FORMAT,
        "facts": dict(facts),
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "self_checks": {name: [asdict(verdict) for verdict in of_kind] for name, of_kind in checks.items()},
    }
    write_text(path, json_text(document, indent=1) + "\n")


def read_scores(path: Path) -> ModelScores:
    """The scores in a file. Raises KnownError ("bad_scores")."""
    document = read_json_object(path, kind="bad_scores", advice="Run belle eval judge again.")
    try:
        if document["format"] != _FORMAT:
            raise ValueError("of another version")
        verdicts = [_verdict(row) for row in document["verdicts"]]
        checks = {str(name): [_verdict(row) for row in rows] for name, rows in document["self_checks"].items()}
        return ModelScores(path.stem, dict(document["facts"]), {verdict.item: verdict for verdict in verdicts}, checks)
    except (KeyError, TypeError, ValueError, AttributeError):
        message = f"{path} is not a file of scores."
        raise KnownError("bad_scores", message, "Run belle eval judge again.", path=str(path)) from None


def _verdict(row: Mapping[str, Any]) -> Verdict:
    return Verdict(
        str(row["item"]),
        _share(row["score"]),
        row["by"],
        str(row["reason"]),
        str(row["problem"]),
        str(row["answer"]),
        int(row["length"]),
        _share(row["rules"]),
    )


def _share(value: Any) -> float | None:
    if value is None:
        return None
    if not 0 <= float(value) <= 1:
        raise ValueError("a share from 0 to 1")
    return float(value)
