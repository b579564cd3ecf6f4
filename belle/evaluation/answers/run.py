"""Asks a model all the items of a set, turn after turn; answers are kept in a file that a later run goes on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle.clients.chat.answer_file import AnswerFile, RowShard, answer_text
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import Decoding, RowRequest
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.items.item import EvaluationItem, EvaluationItems


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How items are asked.

    Attributes:
        system: the system prompt, "" for none.
        decoding: of every answer.
        shard: the items that this process asks.
        by_item: all turns of an item before the next item. A model that answers one question at a time then reads no
            conversation twice; one that answers several at once has more of them to choose from without.
    """

    system: str = ""
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=1024, seed=1))
    shard: RowShard = field(default_factory=RowShard)
    by_item: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What answers depend on."""
        decoding = self.decoding
        return {
            "system": self.system,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_tokens,
            "seed": decoding.seed,
            "extra": dict(decoding.extra),
        }


@dataclass(slots=True)
class RunProgress:
    """Of a run over one set.

    Attributes:
        done, total: turns; those answered in an earlier run count as done.
        asked: turns asked in this run.
        failed: item ids without an answer, with the reason.
    """

    total: int
    done: int = 0
    asked: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def answer_set(
    items: EvaluationItems,
    answerer: ModelAnswerer,
    path: Path,
    options: AnswerOptions,
    *,
    on_progress: Callable[[RunProgress], None] = lambda _: None,
) -> RunProgress:
    """Ask `answerer` what `path` does not have yet. An item of several turns is asked one turn after the other.

    Args:
        items: the set.
        answerer: the model.
        path: of the answers; a row for each turn, with the id `ITEM/TURN`, the first turn being 1.
        options: how.
        on_progress: called after each answer.

    Raises KnownError: "answers_of_another_run", and those of the answerer and of writing.
    """
    mine = list(options.shard.of(items.items))
    file = AnswerFile(path, {"set": items.digest, **answerer.identity, **options.identity}, keep_existing=True)
    progress = RunProgress(sum(len(item.turns) for item in mine))
    texts = {str(row["id"]): answer_text(row) for row in file.existing}
    records = {str(row["id"]): row["record"] for row in file.existing if "record" in row}

    def take(request: RowRequest, outcome: ChatReply | RequestError) -> None:
        file.add(request, outcome)
        progress.asked += 1
        if isinstance(outcome, ChatReply):
            progress.done += 1
            texts[request.id] = outcome.text
            if outcome.record:
                records[request.id] = outcome.record
        else:
            progress.failed[request.id.rpartition("/")[0]] = outcome.message
        on_progress(progress)

    try:
        for group in [[item] for item in mine] if options.by_item else [mine]:
            for turn in range(1, max((len(item.turns) for item in group), default=0) + 1):
                requests = list(_requests(group, turn, texts, records, options))
                progress.done += sum(request.id in file.answered for request in requests)
                answerer.answer(file.missing(requests), take)
    finally:
        file.close()
    return progress


def turn_id(item: EvaluationItem, turn: int) -> str:
    """The id of the answer to a turn of an item; 1 is the first."""
    return f"{item.id}/{turn}"


def _requests(
    items: list[EvaluationItem],
    turn: int,
    texts: Mapping[str, str],
    records: Mapping[str, Mapping[str, Any]],
    options: AnswerOptions,
) -> Iterator[RowRequest]:
    """Those of one turn, for the items whose earlier turns have answers; an answer brings its record along, if any."""
    for item in items:
        if len(item.turns) >= turn and all(turn_id(item, before) in texts for before in range(1, turn)):
            messages: list[dict[str, Any]] = [{"role": "system", "content": options.system}] if options.system else []
            for number, question in enumerate(item.turns[:turn], 1):
                messages.append({"role": "user", "content": question})
                if number < turn:
                    name = turn_id(item, number)
                    record = {"record": records[name]} if name in records else {}
                    messages.append({"role": "assistant", "content": texts[name], **record})
            yield RowRequest(turn_id(item, turn), tuple(messages), decoding=options.decoding)
