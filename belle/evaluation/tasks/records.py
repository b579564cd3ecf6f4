"""What each model answered, item by item, on the disk while it is asked: for whoever wants to look, and for resuming.

One file of JSON Lines per model. The first line says what everything after it depends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.json_lines import ResumableLines


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
        self.scores: dict[str, Score] = {}
        self._file = ResumableLines(path, identity, self._take, resume=resume)

    def add(self, score: Score) -> None:
        """Keep a score. Raises KnownError."""
        self.scores[score.id] = score
        self._file.append(asdict(score))

    def close(self) -> None:
        """Bring it onto the disk and close it; the file stays for `resume`. Raises KnownError."""
        self._file.close()

    def _take(self, row: dict[str, Any]) -> None:
        score = Score(**row)
        self.scores[score.id] = score
