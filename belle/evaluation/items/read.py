"""Reads sets of items: our own form, and BELLE's `eval_set.json` as it was published.

Our form is JSON Lines: `id`, `class`, `turns` (or `question`, for one), and at least one of `reference`, `rubric` and
`checks` (see `checks`). BELLE's is JSON Lines in spite of its name, with `question`, `class`, `std_answer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle import paths
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.evaluation.items.checks import AnswerCheck, CheckError, parse_check
from belle.evaluation.items.item import EvaluationItem, EvaluationItems, class_name, set_of
from belle.texts import is_whole, read_input, short_repr

LARGEST_SET = 256 << 20
"""Bytes."""

OWN = "own"
_KEYS = frozenset({"id", "class", "turns", "question", "reference", "rubric", "checks", "language", "source"})
_BELLE_KEYS = frozenset({"question", "class", "std_answer"})


def read_set(name: str) -> EvaluationItems:
    """The set `own`, or the one in a file, or in the files `*.jsonl` of a folder.

    Raises KnownError: "bad_items", which names file and line; those of reading a file.
    """
    path = paths.asset("evaluation") / "own" if name == OWN else Path(name)
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise KnownError("bad_items", f"{path} has no file *.jsonl in it.", "Give a file, or a folder of such files.")
    data = [read_input(file, longest=LARGEST_SET) for file in files]
    items = [item for file, part in zip(files, data, strict=True) for item in _items(file, part)]
    return set_of(OWN if name == OWN else path.name, data, items)


def _items(path: Path, data: bytes) -> list[EvaluationItem]:
    items = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            try:
                items.append(_item(parse_json_row(line), number))
            except (DocumentError, _ItemError, CheckError) as error:
                said = error.message if isinstance(error, DocumentError) else str(error)
                advice = "One JSON object a line; see the README for its keys."
                raise KnownError("bad_items", f"{path}, line {number} {said}.", advice, path=str(path)) from None
    return items


class _ItemError(ValueError):
    """What is wrong with a line: a clause that follows it."""


def _item(row: object, number: int) -> EvaluationItem:
    if not isinstance(row, dict):
        raise _ItemError("is not an object")
    if set(row) == _BELLE_KEYS:
        row = {"id": f"{number:04}", **row, "reference": row["std_answer"]}
        del row["std_answer"]
        return _read(row)
    unknown = set(row) - _KEYS
    if unknown:
        raise _ItemError(f"has the unknown key {short_repr(min(unknown))}")
    item = _read(row)
    if not (item.reference or item.rubric or item.checks):
        raise _ItemError("has neither a reference nor a rubric nor checks: its answer could not be scored")
    return item


def _read(row: Mapping[str, Any]) -> EvaluationItem:
    identity, category = row.get("id"), row.get("class")
    if not isinstance(identity, str) or not identity.strip():
        raise _ItemError("has an id that is not text" if isinstance(identity, int | float) else "has no id")
    if not isinstance(category, str) or not class_name(category):
        raise _ItemError("has no class")
    reference = row.get("reference", "")
    if not isinstance(reference, str) or not is_whole(reference):
        raise _ItemError("has a reference that is not text")
    turns = _texts(row, "turns") if "turns" in row else _texts({"question": [row.get("question")]}, "question")
    if not turns or not all(turn.strip() for turn in turns):
        raise _ItemError("asks nothing")
    return EvaluationItem(
        identity, class_name(category), turns, reference.strip(), _texts(row, "rubric"), _checks(row.get("checks", []))
    )


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = row.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) and is_whole(text) for text in value):
        raise _ItemError(f"has {name} that is not text")
    return tuple(value)


def _checks(value: object) -> tuple[AnswerCheck, ...]:
    if not isinstance(value, list):
        raise _ItemError("has checks that are not a list")
    try:
        return tuple(map(parse_check, value))
    except CheckError as error:
        raise _ItemError(f"has a check that cannot be read: {error}") from None
