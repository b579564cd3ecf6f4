"""The answers of each model, written to the disk item by item while it is asked, to be read and to be resumed.

One file of JSON Lines per model. The first line identifies everything that the others depend on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.json_lines import ResumableLines


@dataclass(frozen=True, slots=True)
class Score:
    """The result of one model for one item.

    Attributes:
        letter: log-probability (nats) of each choice's letter; none without choices.
        text: log-probability of each choice's text, or of the answer's alone.
        expected: without choices, whether every token of the answer was the likeliest.
        output: the text that it generated.
        too_long: the item does not fit into the model's context; everything else is then empty.
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
        identity: what the scores depend on; a file with another identity is not continued.
        resume: continue the file.

    Raises KnownError ("disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self.scores: dict[str, Score] = {}
        self._file = ResumableLines(path, identity, self._take, resume=resume)

    def add(self, score: Score) -> None:
        """Record a score. Raises KnownError."""
        self.scores[score.id] = score
        self._file.append(asdict(score))

    def close(self) -> None:
        """Sync the file to the disk and close it; it stays for `resume`. Raises KnownError."""
        self._file.close()

    def _take(self, row: dict[str, Any]) -> None:
        score = Score(**row)
        self.scores[score.id] = score
