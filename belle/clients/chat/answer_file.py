"""The answers of a run on the disk: one line each, appended as they come, and never asked for twice.

A run that was killed goes on where it stopped: what has an answer is not asked again, what failed is. A line that was
damaged since is passed over, and asked again: the answers after it were paid for. Several processes share a run by
`RowShard`, each with a file of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import RowRequest
from belle.errors import KnownError
from belle.json_lines import JsonLines, read_rows
from belle.texts import short_repr, utf8

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RowShard:
    """The part `index` of `count` of a run: every `count`-th row."""

    index: int = 0
    count: int = 1

    @staticmethod
    def parse(text: str) -> RowShard:
        """`0/4` … `3/4`. Raises KnownError("usage")."""
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal() and int(index) < int(count) <= 100_000):
            raise KnownError("usage", f"“{text}” is not a shard.", "Such as 0/4, up to 3/4 for the last of four.")
        return RowShard(int(index), int(count))

    def of(self, rows: Iterable[Item]) -> Iterator[Item]:
        """The rows of this shard."""
        return islice(rows, self.index, None, self.count)

    def share(self, n: int) -> int:
        """How many of `n` rows this shard makes: the shards together make all of them."""
        return n * (self.index + 1) // self.count - n * self.index // self.count

    def number(self, number: int) -> int:
        """The number in the whole run of this shard's row `number`, both from 0 on."""
        return self.index + number * self.count

    def path(self, path: Path) -> Path:
        """Where this shard writes: `path`, or beside it `name-00003-of-00016.jsonl`."""
        part = "" if self.count == 1 else f"-{self.index:05d}-of-{self.count:05d}"
        return path.with_name(f"{path.stem}{part}{path.suffix}")


class AnswerFile:
    """Answers of one run, to be closed. The first line identifies the run.

    Args:
        path: of the file; created when it does not exist.
        identity: what all the answers depend on (the set, the decoding, the prompt): answers of another run are not
            mixed with them.

    Attributes:
        answered: ids that have an answer.
        existing: the answers that were there before, where `keep_existing` asks for them.

    Raises KnownError ("answers_of_another_run", "disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, keep_existing: bool = False) -> None:
        check_identity(path, identity)
        self.answered: set[str] = set()
        self.existing: list[dict[str, Any]] = []
        self._keep_existing = keep_existing
        self._file = JsonLines(path, self._take_existing, skip_damaged=True)
        if not self._file.last:
            self._file.append({"run": dict(identity)})

    def missing(self, requests: Iterable[RowRequest]) -> Iterator[RowRequest]:
        """Those of `requests` that have no answer yet."""
        return (request for request in requests if request.id not in self.answered)

    def add(self, request: RowRequest, outcome: ChatReply | RequestError) -> None:
        """Append an outcome; a second answer to the same request is dropped. Raises KnownError."""
        if request.id in self.answered:
            return
        if isinstance(outcome, RequestError):
            self._file.append({"id": request.id, "failed": outcome.fields})
            return
        row = asdict(outcome)
        self._file.append(row if outcome.record else {name: value for name, value in row.items() if name != "record"})
        self.answered.add(request.id)

    def close(self) -> None:
        """Sync the file to the disk and close it. Raises KnownError."""
        try:
            self._file.sync()
        finally:
            self._file.close()

    def _take_existing(self, row: dict[str, Any]) -> None:
        _check_row(row)
        if "run" not in row and "failed" not in row:
            self.answered.add(str(row["id"]))
            if self._keep_existing:
                self.existing.append(row)


def read_answers(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of an answer file, without its first line; of each id at most one, the answer before a failure.

    Raises OSError.
    """
    failed: dict[str, dict[str, Any]] = {}
    for row in read_rows(path, _check_row, skip_damaged=True):
        if "failed" in row:
            failed[str(row["id"])] = row
        elif "run" not in row:
            failed.pop(str(row["id"]), None)
            yield row
    yield from failed.values()


def _check_row(row: Mapping[str, Any]) -> None:
    """Raise ValueError, TypeError or LookupError for what is neither the first line nor an outcome."""
    if "run" in row:
        return
    if not isinstance(row["id"], str) or not ("failed" in row or isinstance(row["choices"][0]["text"], str)):
        raise ValueError("not an outcome")


def answer_text(row: Mapping[str, Any]) -> str:
    """The text of the answer in a row of an answer file: of its first choice."""
    return str(row["choices"][0]["text"])


def answer_facts(path: Path) -> dict[str, Any]:
    """What the answers in a file depend on; empty when it is not a file of answers. Raises OSError."""
    facts = next(read_rows(path), {}).get("run")
    return facts if isinstance(facts, dict) else {}


def check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Raise KnownError ("answers_of_another_run") where the first line of a file is not `{"run": identity}`.

    Such a file must not be cut, and nothing be paid for twice. What does not exist passes, and what a run has left that
    was killed while it wrote this line.
    """
    if not path.exists() or _is_cut_first_line(path, identity):
        return
    first = next(read_rows(path), {}).get("run")
    if first == dict(identity):
        return
    if not isinstance(first, dict):
        message = f"{path} is not a file of answers."
    else:
        differ = [name for name in {**first, **identity} if first.get(name) != identity.get(name)]
        values = ", ".join(f"{name} {short_repr(first.get(name))} there" for name in differ[:3])
        message = f"{path} has the answers of another run ({values})."
    raise KnownError("answers_of_another_run", message, "Give another output, or the same options.", path=str(path))


def _is_cut_first_line(path: Path, identity: Mapping[str, Any]) -> bool:
    """Whether a file is empty, or has a part of its first line and nothing else."""
    line = utf8(json.dumps({"run": dict(identity)}, ensure_ascii=False))
    return path.stat().st_size <= len(line) and line.startswith(path.read_bytes())
