"""Questions of an evaluation in the training data: a score on those says nothing.

A question counts as seen when most of its runs of eight characters (after case, width, spaces and punctuation are taken
off) occur in one message of the training data, wherever they stand; a question shorter than a run must be the whole
message. This also finds a question with a few words changed and a question inside a longer prompt. Large models are
checked in the same way, with runs of 13 words (Brown et al. 2020, appendix C).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from belle.data.duplicates.shingles import features, normalised
from belle.data.read import scan_rows
from belle.data.rows import Row, questions_of, texts_of
from belle.errors import KnownError

RUN = 8
"""Characters."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An evaluation question found in training data.

    Args:
        question: its text.
        path: the evaluation file.
        number: its line or row there.
        overlap: the share of its runs that were found, 0…1.
    """

    question: str
    path: str
    number: int
    overlap: float


class EvaluationSet:
    """The questions that must not be trained on.

    Args:
        paths: evaluation files of any format.
        threshold: the share of a question's runs from which on it counts as seen.

    Raises KnownError as `read_rows`.
    """

    def __init__(self, paths: Iterable[Path | str], threshold: float = 0.8) -> None:
        self._threshold = threshold
        self._questions: list[tuple[str, str, int]] = []  # question, file, line or row
        self._short: dict[str, int] = {}
        self._runs: dict[int, list[int]] = {}
        self._sizes: list[int] = []
        for path in paths:
            for record, row in scan_rows(path):
                if isinstance(row, KnownError):
                    raise row
                for question in questions_of(row):
                    self.add(question, record.path, record.number)

    def __len__(self) -> int:
        return len(self._questions)

    def find(self, row: Row) -> Hit | None:
        """The evaluation question that a training row holds, the best if there are several."""
        hits = [hit for text in texts_of(row) if (hit := self._find(text)) is not None]
        return max(hits, key=lambda hit: hit.overlap, default=None)

    def add(self, question: str, path: str, number: int) -> None:
        """Add a question, from line or row `number` of `path`."""
        compared = normalised(question)
        if not compared:
            return
        index = len(self._questions)
        self._questions.append((question, path, number))
        runs = self._features(compared)
        self._sizes.append(len(runs))
        if len(compared) < RUN:
            self._short.setdefault(compared, index)
            return
        for run in runs:
            self._runs.setdefault(run, []).append(index)

    @staticmethod
    def _features(compared: str) -> list[int]:
        runs: list[int] = features(compared, RUN).tolist()
        return runs

    def _find(self, text: str) -> Hit | None:
        compared = normalised(text)
        if len(compared) < RUN:
            number = self._short.get(compared)
            return None if number is None else self._hit(number, 1.0)
        counts = Counter(number for run in self._features(compared) for number in self._runs.get(run, ()))
        if not counts:
            return None
        number = max(counts, key=lambda n: (counts[n] / self._sizes[n], -n))
        overlap = counts[number] / self._sizes[number]
        return self._hit(number, overlap) if overlap >= self._threshold else None

    def _hit(self, index: int, overlap: float) -> Hit:
        return Hit(*self._questions[index], overlap)
