"""The comparisons of two models on the disk: `pairs/FIRST--SECOND.json` beside `scores/MODEL.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from belle.documents import read_json_object
from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.judge.anchors import Winner
from belle.evaluation.judge.pairs import PairBy, PairVerdict
from belle.texts import json_text

_FORMAT = 1
_LONGEST_NAME, _SHORTENED = 200, 60


@dataclass(frozen=True, slots=True)
class ModelPair:
    """The comparisons of two models, item by item.

    Attributes:
        first, second: their names.
        facts: the set, the judge, its decoding and its prompts.
        verdicts: on the items that both have answered.
    """

    first: str
    second: str
    facts: Mapping[str, Any]
    verdicts: Sequence[PairVerdict]


def pair_file(folder: Path, first: str, second: str) -> Path:
    """Where the comparisons of two models are kept; the names are those of their files of answers."""
    name = f"{first}--{second}"
    is_ambiguous = name.count("--") > 1 or "---" in name  # a--b of c, or a of b--c
    if is_ambiguous or len(name.encode()) > _LONGEST_NAME:
        digest = hashlib.blake2b(repr((first, second)).encode(), digest_size=8).hexdigest()
        name = f"{name[:_SHORTENED]}-{digest}"
    return folder / "pairs" / f"{name}.json"


def write_pair(path: Path, pair: ModelPair) -> None:
    """Write the comparisons of two models. Raises KnownError."""
    write_text(path, json_text({"format": _FORMAT, **asdict(pair)}, indent=1) + "\n")


def read_pair(path: Path) -> ModelPair:
    """The comparisons in a file. Raises KnownError ("bad_pairs")."""
    advice = "Run belle eval judge --pairs again; what has a reply is not asked again."
    document = read_json_object(path, kind="bad_pairs", advice=advice)
    try:
        if document["format"] != _FORMAT:
            raise ValueError("of another version")
        verdicts = [_verdict(row) for row in document["verdicts"]]
        return ModelPair(str(document["first"]), str(document["second"]), dict(document["facts"]), verdicts)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise KnownError("bad_pairs", f"{path} is not a file of comparisons.", advice, path=str(path)) from None


def _verdict(row: Mapping[str, Any]) -> PairVerdict:
    winners = (None, *get_args(Winner))
    orders = tuple(row["orders"])
    if {row["winner"], *orders} - set(winners) or row["by"] not in get_args(PairBy) or len(orders) not in (0, 2):
        raise ValueError("of no known kind")
    first, second = (str(digest) for digest in row["answers"])
    lengths = [int(number) for number in row["lengths"]]
    if len(lengths) != 2 or min(lengths) < 0:
        raise ValueError("two lengths")
    return PairVerdict(
        str(row["item"]),
        row["winner"],
        row["by"],
        orders,
        tuple(map(str, row["reasons"])),
        str(row["problem"]),
        (first, second),
        (lengths[0], lengths[1]),
    )
