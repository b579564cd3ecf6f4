"""What each model answered, item by item, on the disk while it is asked: for whoever wants to look, and for resuming.

One file of JSON Lines per model. The first line says what everything after it depends on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.durable import worded


@dataclass(frozen=True, slots=True)
class Score:
    """What one model makes of one item.

    Attributes:
        letter: log-probability (nats) of each choice's letter; none without choices.
        text: log-probability of each choice's text, or of the answer's alone.
        expected: without choices, whether every token of the answer was the likeliest.
        output: what it wrote.
        too_long: the item does not fit into the model's context: all else is empty.
    """

    id: str
    letter: list[float]
    text: list[float]
    expected: bool
    output: str
    too_long: bool = False


class TaskRecords:
    """The scores of one model, by item.

    Args:
        path: the file.
        identity: what they depend on; scores of another identity are not continued.
        resume: go on with what is there.

    Raises KnownError ("disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self._path = path
        self.scores: dict[str, Score] = {}
        first = json.dumps(identity, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        kept = self._read(first) if resume else first
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if len(kept) > len(first) else "wb")
            if len(kept) == len(first):
                self._file.write(first)
                self._file.flush()
            self._file.seek(len(kept))
            self._file.truncate()
        except OSError as error:
            raise worded(path, error) from error

    def add(self, score: Score) -> None:
        """Keep a score. Raises KnownError."""
        self.scores[score.id] = score
        try:
            self._file.write(json.dumps(asdict(score), ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise worded(self._path, error) from error

    def close(self) -> None:
        """Bring it onto the disk and close it; the file stays for `resume`. Raises KnownError."""
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise worded(self._path, error) from error

    def _read(self, first: bytes) -> bytes:
        """The part of the file that can be continued; its scores are taken."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return first
        if not data.startswith(first):
            return first
        kept = first
        for line in data[len(first) :].splitlines(keepends=True):
            try:
                score = Score(**json.loads(line))
            except (ValueError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            self.scores[score.id] = score
            kept += line
        return kept
