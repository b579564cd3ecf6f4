"""A run: requests go out while rows are wanted, replies go into the journal first and then through the pipeline.

In rounds, so that the judge has its turn, and because what is open depends on replies that are still under way: a round
ends when nothing more can be asked before they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from belle.clients.chat.bulk import SpendingLimit
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import RowRequest
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.json_lines import JsonLines
from belle.synthesis.asks import Ask, StepReply
from belle.synthesis.journal import ReplyJournal
from belle.synthesis.pipeline import RowPipeline, RunCounts

Ending = Literal["complete", "spent", "barren", "unanswered"]
"""How a run ends: with all rows, at its spending limit, after many replies that brought nothing, or without a reply to
some of its proposals."""

_REQUESTS_IN_ROUND = 512
_ROW_START = b'{"id": "'


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Where a run ends before it has its rows.

    Attributes:
        spending: tokens and money, also those of the runs that this one goes on with.
        barren: replies in a row that bring nothing.
    """

    spending: SpendingLimit
    barren: int = 30


class RowFile:
    """The output: rows are appended, each once, whatever is written again after an interruption.

    Args:
        path: JSON Lines; rows that are there stay.
        replies: the file of the replies that they are from. Without it nothing tells the rows that are there from those
            of another run, which have the same ids.

    Raises KnownError ("not_generated" for a file with other rows, "replies_missing", "disk_full",
    "folder_not_writable").
    """

    def __init__(self, path: Path, replies: Path) -> None:
        self._ids = set(_generated_ids(path))
        if self._ids and not (replies.exists() and replies.stat().st_size):
            message = f"{path} has {len(self._ids):,} rows, and {replies} with the replies they are from is missing."
            raise KnownError("replies_missing", message, "Bring it back, or give another file for the output.")
        self._file = JsonLines(path, lambda _: None)

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row, unless it is there. Raises KnownError."""
        if row["id"] not in self._ids:
            self._file.append(row)
            self._ids.add(str(row["id"]))

    def close(self) -> None:
        """Sync the file to the disk and close it. Raises KnownError."""
        try:
            self._file.sync()
        finally:
            self._file.close()


def _generated_ids(path: Path) -> Iterator[str]:
    """The ids of the rows in the output. Raises KnownError for a line that is from elsewhere."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                row = parse_json_row(line)
            except DocumentError:
                # A run that was killed may leave the beginning of a row, which is written again.
                if line.endswith(b"\n") or line[: len(_ROW_START)] != _ROW_START[: len(line)]:
                    raise _not_generated(path) from None
                continue
            if not isinstance(row, dict) or not isinstance(row.get("id"), str) or "provenance" not in row:
                raise _not_generated(path)
            if line.endswith(b"\n"):
                yield row["id"]


def _not_generated(path: Path) -> KnownError:
    message = f"{path} has rows that were not generated."
    return KnownError("not_generated", message, "Give another file for the output.", path=str(path))


class GenerationRun:
    """Generates rows until they are enough. Its pipeline has been handed the replies of the journal.

    Args:
        pipeline: what becomes of replies.
        journal: where they are kept.
        generator: who writes.
        judge: who scores; None for nobody.
        limits: see there.
        price: the cost of a reply.
        on_progress: called after each reply.
    """

    def __init__(
        self,
        pipeline: RowPipeline,
        journal: ReplyJournal,
        generator: ModelAnswerer,
        judge: ModelAnswerer | None,
        limits: RunLimits,
        *,
        price: Callable[[ChatReply], float] = lambda _: 0.0,
        on_progress: Callable[[RunCounts], None] = lambda _: None,
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._generator = generator
        self._judge = judge
        self._limits = limits
        self._price = price
        self._on_progress = on_progress
        self._under_way: dict[str, Ask] = {}
        self._n_asked = 0

    def run(self) -> Ending:
        """Ask until the rows are enough, or a limit is reached. Raises KnownError, and KeyboardInterrupt."""
        self._pipeline.barren = 0
        while True:
            before = self._n_asked
            self._ask_all(self._generator, self._pipeline.next_ask)
            if self._judge is not None:
                self._ask_all(self._judge, self._pipeline.next_judgement)
            if self._n_asked == before:
                return self._ending()

    def _ending(self) -> Ending:
        if self._pipeline.has_enough:
            return "complete"
        if self._is_spent():
            return "spent"
        if self._is_barren():
            return "barren"
        return "unanswered" if self._pipeline.counts.unproposed else "complete"

    def _ask_all(self, answerer: ModelAnswerer, draw: Callable[[], Ask | None]) -> None:
        first = self._draw(draw)
        if first is not None:
            answerer.answer(self._requests(first, draw), self._take)

    def _requests(self, first: Ask, draw: Callable[[], Ask | None]) -> Iterator[RowRequest]:
        ask: Ask | None = first
        for number in range(1, _REQUESTS_IN_ROUND + 1):
            if ask is None:
                return
            self._under_way[ask.id] = ask
            self._n_asked += 1
            yield ask.request()
            # Nothing is drawn that is not asked: it would be lost.
            ask = self._draw(draw) if number < _REQUESTS_IN_ROUND else None

    def _draw(self, draw: Callable[[], Ask | None]) -> Ask | None:
        return None if self._is_spent() or self._is_barren() else draw()

    def _take(self, request: RowRequest, outcome: ChatReply | RequestError) -> None:
        reply = self._reply_to(self._under_way.pop(request.id), outcome)
        # What could not be proposed is asked again by a later run; rows that wait for something else go on without it.
        if not reply.failed or reply.step != "propose":
            self._journal.add(reply)
        self._pipeline.take(reply)
        self._on_progress(self._pipeline.counts)

    def _reply_to(self, ask: Ask, outcome: ChatReply | RequestError) -> StepReply:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        if isinstance(outcome, RequestError):
            return StepReply(ask.id, ask.step, ask.context, ask.digest, "", at=at, failed=outcome.message)
        return StepReply(
            ask.id,
            ask.step,
            ask.context,
            ask.digest,
            outcome.text,
            outcome.choices[0].finish,
            outcome.model or outcome.asked_model,
            at,
            outcome.prompt_tokens,
            outcome.completion_tokens,
            self._price(outcome),
        )

    def _is_spent(self) -> bool:
        """Whether the limit is reached, once what is under way has cost what a request does on the average.

        As long as nobody knows what a request costs, one alone is under way.
        """
        limit, counts = self._limits.spending, self._pipeline.counts
        if limit == SpendingLimit():
            return False
        replies = counts.requests.total()
        if not replies:
            return bool(self._under_way)
        expected = replies + len(self._under_way)
        return (limit.tokens is not None and counts.tokens * expected >= limit.tokens * replies) or (
            limit.money is not None and counts.cost * expected >= limit.money * replies
        )

    def _is_barren(self) -> bool:
        return self._pipeline.barren >= self._limits.barren
