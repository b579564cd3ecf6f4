"""The replies of a judge, kept on the disk as they came: what has a reply is not asked, and not paid for, again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle.clients.chat.answer_file import AnswerFile, answer_text
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import Decoding, RowRequest
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.judge.prompts import JudgePrompt

_TRIES = 2
"""How often a judge is asked whose reply cannot be read."""


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """What a judge is asked.

    Attributes:
        item: the id of the item that it is about.
        prompt: that is sent.
        is_readable: whether a reply says what was asked for.
    """

    item: str
    prompt: JudgePrompt
    is_readable: Callable[[str], bool]


@dataclass(slots=True)
class JudgeReplies:
    """Asks a judge, and keeps what it replies in a file.

    Args:
        judge: who is asked.
        prompts: the name of the prompts.
        path: of the file.
        decoding: of the judge.
    """

    judge: ModelAnswerer
    prompts: str
    path: Path
    decoding: Decoding

    @property
    def identity(self) -> dict[str, Any]:
        """What replies depend on, besides the prompt."""
        decoding = self.decoding
        return {
            "judge": dict(self.judge.identity),
            "prompts": self.prompts,
            "temperature": decoding.temperature,
            "max_tokens": decoding.max_tokens,
            "seed": decoding.seed,
        }

    def ask(
        self, questions: Sequence[JudgeQuestion], on_reply: Callable[[], None] = lambda: None
    ) -> list[str | RequestError]:
        """The reply to each question, in their order; one that cannot be read is asked for once more.

        Raises KnownError.
        """
        file = AnswerFile(self.path, self.identity, keep_existing=True)
        known = {str(row["id"]): answer_text(row) for row in file.existing}
        failed: dict[str, RequestError] = {}

        def take(request: RowRequest, outcome: ChatReply | RequestError) -> None:
            file.add(request, outcome)
            if isinstance(outcome, ChatReply):
                known[request.id] = outcome.text
            else:
                failed[request.id] = outcome
            on_reply()

        replies: dict[int, str | RequestError] = {}
        still_open = dict(enumerate(questions))
        try:
            for number in range(_TRIES):
                requests = {index: self._request(question, number) for index, question in still_open.items()}
                # Two answers may be the same: their prompt is asked once.
                unique = {request.id: request for request in requests.values()}
                self.judge.answer(file.missing(unique.values()), take)
                for index, request in requests.items():
                    if request.id in known:
                        replies[index] = known[request.id]
                    elif index not in replies:
                        replies[index] = failed.get(request.id) or _nothing()
                # What could not be asked the client has tried already, or a batch asks it elsewhere.
                still_open = {
                    index: question
                    for index, question in still_open.items()
                    if isinstance(reply := replies[index], str) and not question.is_readable(reply)
                }
        finally:
            file.close()
        return [replies[index] for index in range(len(questions))]

    def _request(self, question: JudgeQuestion, number: int) -> RowRequest:
        # The id has the digest of the prompt: a reply belongs to this question, answer and rubric, and to no other.
        again = f"/{number + 1}" if number else ""
        prompt = question.prompt
        return RowRequest(f"{question.item}/{prompt.digest}{again}", prompt.messages, prompt.schema, self.decoding)


def _nothing() -> RequestError:
    return RequestError("not_asked", "the judge was not asked")
