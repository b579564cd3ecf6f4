"""Human decisions on answers: the anchor file, by which a judge is measured.

JSON Lines, one decision a row, only ever appended to:

| row | keys |
|---|---|
| both | item (its id), set (its digest), by (who), at (when) |
| a score | model, answer (digest of its text), score (0…1) |
| a pair | first, second (models), first_answer, second_answer (digests), winner (first, second, tie) |

Of the rows of one person about one thing the last counts; one whose `score` or `winner` is null takes the decision
back. A pair is the same thing in both orders.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from belle.documents import DocumentError, parse_json_row
from belle.durable import sync_folder, writing
from belle.errors import KnownError
from belle.path_guard import check_output
from belle.texts import read_input, utf8

Winner = Literal["first", "second", "tie"]

LARGEST_ANCHORS = 256 << 20
"""Bytes; about a million decisions."""
_ROW_START = b'{"item": "'


@dataclass(frozen=True, slots=True)
class AnchorScore:
    """A person's score of an answer.

    Attributes:
        item: its id.
        set: the digest of the set.
        model: that answered.
        answer: the `answer_digest` of the text.
        score: 0…1; None takes an earlier one back.
        by: who decided.
        at: when, ISO 8601.
    """

    item: str
    set: str
    model: str
    answer: str
    score: float | None
    by: str
    at: str

    @property
    def thing(self) -> tuple[str, ...]:
        """What was decided on, and by whom."""
        return ("score", self.item, self.set, self.model, self.answer, self.by)


@dataclass(frozen=True, slots=True)
class AnchorPair:
    """A person's choice between the answers of two models; attributes as of `AnchorScore`.

    Attributes:
        winner: None takes an earlier choice back.
    """

    item: str
    set: str
    first: str
    second: str
    first_answer: str
    second_answer: str
    winner: Winner | None
    by: str
    at: str

    @property
    def thing(self) -> tuple[str, ...]:
        """What was decided on, and by whom: the same for both orders."""
        sides = sorted([(self.first, self.first_answer), (self.second, self.second_answer)])
        return ("pair", self.item, self.set, *sides[0], *sides[1], self.by)


Anchor = AnchorScore | AnchorPair


@dataclass(frozen=True, slots=True)
class Anchors:
    """The decisions that count in an anchor file.

    Attributes:
        scores, pairs: in the order in which they were first decided.
        unreadable: rows that are no decision.
    """

    scores: tuple[AnchorScore, ...] = ()
    pairs: tuple[AnchorPair, ...] = ()
    unreadable: int = 0


def answer_digest(text: str) -> str:
    """By which an anchor names an answer."""
    return hashlib.blake2b(utf8(text), digest_size=16).hexdigest()


def read_anchors(path: Path) -> Anchors:
    """The decisions in a file.

    Raises KnownError: "bad_anchors" for a file of something else, to which nobody wants decisions to be appended; those
    of reading a file.
    """
    rows = []
    unreadable = 0
    data = read_input(path, longest=LARGEST_ANCHORS).removeprefix(b"\xef\xbb\xbf")
    for line in data.split(b"\n"):
        if line.strip():
            try:
                rows.append(_anchor(parse_json_row(line)))
            except (DocumentError, _RowError):
                unreadable += 1
    # The only row of a file may have been cut off.
    if unreadable and not rows and data[: len(_ROW_START)] != _ROW_START[: len(data)]:
        message = f"{path} is not a file of decisions on answers."
        raise KnownError("bad_anchors", message, "Name that of “belle eval page”, or one that is to be created.")
    return counting(rows, unreadable)


def counting(rows: Iterable[Anchor], unreadable: int = 0) -> Anchors:
    """The last decision of each person on each thing, without what was taken back."""
    last: dict[tuple[str, ...], Anchor] = {}
    for row in rows:
        last[row.thing] = row
    return Anchors(
        tuple(row for row in last.values() if isinstance(row, AnchorScore) and row.score is not None),
        tuple(row for row in last.values() if isinstance(row, AnchorPair) and row.winner is not None),
        unreadable,
    )


def append_anchor(path: Path, anchor: Anchor) -> None:
    """Write a decision; when this returns, it is on the disk. Creates the file; nothing in it is changed.

    Raises KnownError ("disk_full", "folder_not_writable", "unwritable").
    """
    check_output(path)
    line = utf8(json.dumps(asdict(anchor), ensure_ascii=False)) + b"\n"
    with writing(path):
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end and _last_byte(file.fileno(), end) != b"\n":  # a write that was cut off: it stays a row of its own
                line = b"\n" + line
            file.write(line)  # one write at the end of the file: two processes may append to it
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(path.parent)


class _RowError(ValueError):
    """A row is no decision."""


def _last_byte(descriptor: int, end: int) -> bytes:
    return os.pread(descriptor, 1, end - 1)


def _anchor(row: object) -> Anchor:
    if not isinstance(row, dict) or ("score" in row) == ("winner" in row):
        raise _RowError
    common = {name: _text(row, name) for name in ("item", "set", "by", "at")}
    if "score" in row:
        return AnchorScore(**common, **_texts(row, "model", "answer"), score=_score(row["score"]))
    if row["winner"] is not None and row["winner"] not in get_args(Winner):
        raise _RowError
    sides = _texts(row, "first", "second", "first_answer", "second_answer")
    return AnchorPair(**common, **sides, winner=row["winner"])


def _score(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise _RowError
    return float(value)


def _texts(row: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: _text(row, name) for name in names}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise _RowError
    return value
