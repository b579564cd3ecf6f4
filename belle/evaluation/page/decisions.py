"""What a person has decided in the page: each decision is on the disk before the next case is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from belle.errors import KnownError
from belle.evaluation.judge.anchors import Anchor, AnchorPair, AnchorScore, Winner, append_anchor, read_anchors
from belle.evaluation.page.cases import ShownCase, Side

Choice = Side | Literal["tie"]


class Decisions:
    """The decisions of one person on the answers to one set.

    Args:
        path: of the anchor file; None where nothing is kept.
        set_digest: of the set.
        by: the person.

    Attributes:
        path, by: see there.
        unreadable: rows of the file that are no decision.

    Raises KnownError where the file cannot be read.
    """

    def __init__(self, path: Path | None, set_digest: str, by: str) -> None:
        self.path = path
        self.by = by
        self.unreadable = 0
        self._set = set_digest
        self._last: dict[tuple[str, ...], Anchor] = {}
        self._undo: list[tuple[Anchor, Anchor | None]] = []
        if path is not None and path.exists():
            anchors = read_anchors(path)
            self.unreadable = anchors.unreadable
            rows: list[Anchor] = [*anchors.scores, *anchors.pairs]
            rows.sort(key=lambda row: row.at)
            self._last = {row.thing: row for row in rows if row.by == by and row.set == set_digest}

    @property
    def latest(self) -> Anchor | None:
        """The decision that was made last, also with an earlier page."""
        return next(reversed(self._last.values()), None)

    @property
    def items(self) -> set[str]:
        """The ids of items on which something is decided, whichever answer it is about."""
        return {row.item for row in self._last.values()}

    def score(self, case: ShownCase) -> float | None:
        """Of the one answer of a case; None where there is none yet."""
        known = self._last.get(self._score_row(case).thing) if len(case.answers) == 1 else None
        return known.score if isinstance(known, AnchorScore) else None

    def choice(self, case: ShownCase) -> Choice | None:
        """The side that was chosen, as the case is shown now; None where there is no choice yet."""
        known = self._last.get(self._pair_row(case).thing) if len(case.answers) == 2 else None
        if not isinstance(known, AnchorPair):
            return None
        if known.winner == "tie":
            return "tie"
        chosen = known.first if known.winner == "first" else known.second
        return "left" if chosen == case.answers[0].model else "right"

    def is_decided(self, case: ShownCase) -> bool:
        """Whether there is a decision on the answers of a case."""
        return self.score(case) is not None or self.choice(case) is not None

    def decide_score(self, case: ShownCase, score: float | None) -> None:
        """Keep the score of the answer of a case, or with None take it back. Raises KnownError."""
        self._keep(replace(self._score_row(case), score=score))

    def decide_pair(self, case: ShownCase, choice: Choice | None) -> None:
        """Keep which answer of a case is better, or with None take it back. Raises KnownError.

        The models are stored in the order in which the person named them, wherever they were shown.
        """
        row = self._pair_row(case)
        winner: Winner | None = "tie" if choice == "tie" else None
        if choice in ("left", "right"):
            winner = "first" if (choice == "left") == (row.first == case.answers[0].model) else "second"
        self._keep(replace(row, winner=winner))

    def undo(self) -> str:
        """Take back the last decision of this page. Returns the id of its item; raises KnownError."""
        if not self._undo:
            raise KnownError("nothing_to_undo", "Nothing was decided since the page was started.")
        row, before = self._undo[-1]
        if before is not None:
            self._write(replace(before, at=_now()))
        else:
            self._write(replace(row, score=None) if isinstance(row, AnchorScore) else replace(row, winner=None))
        self._undo.pop()
        return row.item

    def _keep(self, row: Anchor) -> None:
        before = self._last.get(row.thing)
        self._write(row)
        self._undo.append((row, before))

    def _write(self, row: Anchor) -> None:
        if self.path is None:
            raise KnownError("no_anchors", "There is no file for decisions.", "Start the page with --anchors FILE.")
        append_anchor(self.path, row)
        self._last.pop(row.thing, None)  # so that the latest stands last
        if (row.score if isinstance(row, AnchorScore) else row.winner) is not None:
            self._last[row.thing] = row

    def _score_row(self, case: ShownCase) -> AnchorScore:
        (shown,) = case.answers
        return AnchorScore(case.item.id, self._set, shown.model, shown.digest, None, self.by, _now())

    def _pair_row(self, case: ShownCase) -> AnchorPair:
        left, right = case.answers
        first, second = (left, right) if left.model == case.view.first else (right, left)
        digests = first.digest, second.digest
        return AnchorPair(case.item.id, self._set, first.model, second.model, *digests, None, self.by, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
