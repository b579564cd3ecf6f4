"""Answers by a strategy of `belle.dialogue`, turn after turn with what it remembers, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from belle.clients.chat.bulk import Take
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply, ReplyChoice
from belle.clients.chat.requests import RowRequest
from belle.dialogue.blocking import TurnDriver
from belle.dialogue.conversation import Resources, dialogue_of
from belle.dialogue.events import Mind
from belle.dialogue.turn import DialogueTurn
from belle.dialogue.turn_record import TurnRecord
from belle.engine.process.blocking import BlockingEngine
from belle.errors import KnownError
from belle.evaluation.answers.answerer import EngineAnswerer, generate_of


class SteppingAnswerer:
    """A model that answers by a strategy, one question after the other.

    Args:
        strategy: its name.
        model: the fast mind, which answers alone where the strategy knows no slow one. It has to answer one question at
            a time.
        slow: DUMA's slow mind; None for the same model.
        resources: tools and examples.
        identity: what the answers depend on besides: which examples there are.
    """

    def __init__(
        self,
        strategy: str,
        model: EngineAnswerer,
        slow: EngineAnswerer | None,
        resources: Resources,
        identity: Mapping[str, Any],
    ) -> None:
        self.name = f"{model.name}-{strategy}"
        self.identity: Mapping[str, Any] = {
            **model.identity,
            "strategy": strategy,
            "tools": [tool.name for tool in resources.tools],
            "most_steps": resources.most_steps,
            **({} if slow is None else {"slow": slow.identity}),
            **identity,
        }
        self._strategy = strategy
        self._resources = resources
        minds: dict[Mind, BlockingEngine] = {"fast": model.engine}
        if slow is not None:
            minds["slow"] = slow.engine
        self._driver = TurnDriver(minds)

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        """As `ModelAnswerer.answer`."""
        for request in requests:
            take(request, self._outcome(request))

    def _outcome(self, request: RowRequest) -> ChatReply | RequestError:
        said = [message for message in request.messages if message["role"] != "system"]
        system = next((message["content"] for message in request.messages if message["role"] == "system"), "")
        dialogue = dialogue_of(
            ((one["role"], one["content"], TurnRecord.from_fields(one.get("record"))) for one in said), system=system
        )
        turn = DialogueTurn(self._strategy, dialogue, self._resources)
        try:
            for _ in self._driver.run(turn, generate_of(request, 0)):
                pass
        except KnownError as error:
            if not isinstance(error.details.get("request_id"), int):
                raise  # it is not of this question alone
            return RequestError(error.kind, error.message, error.advice)
        usage = turn.record.usage
        choice = ReplyChoice(turn.text, "length" if turn.record.stop == "length" else "stop")
        return ChatReply(
            request.id,
            (choice,),
            usage.prompt_tokens,
            usage.completion_tokens,
            model=self.name,
            asked_model=self.name,
            record=turn.record.fields,
        )
