"""A judge that does as it is told, and counts what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from belle.clients.chat.bulk import Take
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply, ReplyChoice
from belle.clients.chat.requests import RowRequest
from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.judge.verdicts import JudgedAnswer


class ScriptedJudge:
    """Says what `reply` makes of a prompt.

    Attributes:
        asked: every request, in order.
    """

    name = "judge"

    def __init__(self, reply: Callable[[str], str | RequestError]) -> None:
        self.identity = {"model": "j"}
        self.asked: list[RowRequest] = []
        self._reply = reply

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        for request in requests:
            self.asked.append(request)
            said = self._reply(request.messages[0]["content"])
            if isinstance(said, str):
                take(request, ChatReply(request.id, (ReplyChoice(said, "stop"),), 1, 1))
            else:
                take(request, said)


def judged(item: EvaluationItem, text: str, question: str = "") -> JudgedAnswer:
    return JudgedAnswer(item, question or item.turns[0], text)


def part(prompt: str, name: str) -> str:
    """What stands in a part of a prompt, such as 回答一."""
    return prompt.partition(f"<{name}>\n")[2].partition(f"\n</{name}>")[0]
