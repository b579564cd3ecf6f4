"""An answer in steps: what a strategy asks goes to the engines, and what comes of it looks like one answer.

To whoever listens, the steps are the thoughts of the answer: `Thinking` and `Text`, then `Done` or `Failed`, all with
the id of the answer. What was only provisional is taken back by `provisional`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from belle.dialogue.engine_requests import generate, reply_of
from belle.dialogue.events import AnswerText, DialogueEvent, Provisional, StepText
from belle.dialogue.strategies.table import STRATEGIES
from belle.dialogue.turn import DialogueTurn
from belle.dialogue.turn_record import TurnStop
from belle.engine.process.commands import Generate
from belle.engine.process.events import Done, Event, Failed, Prefill, Stats, StopReason, Text, Thinking
from desktop.chat.model_host import ModelHost
from desktop.chat.strategies.resources import dialogue_on, resources_for
from desktop.chat.strategies.slow_mind import SlowMind
from desktop.store import Store, StoredConversation, StoredMessage

_REASONS: Mapping[TurnStop, StopReason] = {"length": "length", "stopped": "stopped"}


class AnswerSteps(QObject):
    """Makes one answer at a time.

    Args:
        store: has what the tools search.
        host: the model of the conversation.
        slow: another one, which DUMA may ask.
        ids: of the requests.
    """

    engine_event = Signal(object)  # Event
    provisional = Signal(int, str)  # id of the answer, its text so far, which is no part of it

    def __init__(self, store: Store, host: ModelHost, slow: SlowMind, ids: Iterator[int], parent: QObject) -> None:
        super().__init__(parent)
        self._store = store
        self._host, self._slow, self._ids = host, slow, ids
        self._turn: DialogueTurn | None = None
        self._base = Generate(0, ())
        self._slow_ref = ""
        self._asked = 0  # id of the request under way
        self._last = Stats()
        host.answer_event.connect(self._on_event)
        slow.engine_event.connect(self._on_event)

    @property
    def record(self) -> dict[str, Any]:
        """How the answer came about, so far, until the next one begins; empty before the first."""
        return {} if self._turn is None else self._turn.record.fields

    def begin(
        self, base: Generate, conversation: StoredConversation, path: Sequence[StoredMessage], folder: str
    ) -> None:
        """Begin an answer.

        Args:
            base: what would ask for it plainly, with the id of the answer.
            conversation: has the strategy.
            path: ends with the question.
            folder: of documents that the model may search; empty for none.
        """
        first = base.messages[0]
        dialogue = dialogue_on(path, conversation, first.content if first.role == "system" else "")
        resources = resources_for(self._store, conversation, folder)
        strategy = conversation.strategy.name if conversation.strategy.name in STRATEGIES else "plain"
        self._base, self._slow_ref, self._last = base, conversation.strategy.slow, Stats()
        turn = self._turn = DialogueTurn(strategy, dialogue, resources)
        self._go_on(turn, turn.start())

    def stop(self) -> None:
        """Stop the answer; `Done` comes when the model has stopped."""
        turn = self._turn
        if turn is None:
            return
        if turn.request is not None and turn.request.mind == "slow" and self._slow_ref:
            if self._slow.stop(self._asked):
                return
        elif turn.request is not None:
            self._host.stop(self._asked)
            return
        turn.stop()
        self._end(turn)

    def drop(self) -> None:
        """End the answer without another event."""
        turn, self._turn = self._turn, None
        if turn is not None and turn.request is not None:
            if turn.request.mind == "slow" and self._slow_ref:
                self._slow.stop(self._asked)
            else:
                self._host.stop(self._asked)

    def _on_event(self, event: Event) -> None:
        turn = self._turn
        if turn is None or turn.request is None or getattr(event, "id", None) != self._asked:
            return
        match event:
            case Text(text=text):
                self._pass_on(turn.add_text(text))
            case Done():
                self._last = event.stats
                self._go_on(turn, turn.reply(reply_of(event)))
            case Failed():
                self.engine_event.emit(replace(event, id=self._base.id))
            case Prefill() | Thinking():
                self.engine_event.emit(replace(event, id=self._base.id))

    def _go_on(self, turn: DialogueTurn, events: Iterable[DialogueEvent]) -> None:
        self._pass_on(events)
        request = turn.request
        if self._turn is not turn:
            return
        if request is None:
            self._end(turn)
            return
        self._asked = next(self._ids)
        fast = request.mind == "fast"
        sent = generate(request, self._base, self._asked, conversation=self._base.conversation if fast else "")
        if fast or not self._slow_ref:
            self._host.generate(sent)
        else:
            self._slow.ask(self._slow_ref, sent)

    def _pass_on(self, events: Iterable[DialogueEvent]) -> None:
        for event in events:
            match event:
                case StepText(text=text):
                    self.engine_event.emit(Thinking(self._base.id, text))
                case AnswerText(text=text):
                    self.engine_event.emit(Text(self._base.id, text))
                case Provisional(text=text):
                    self.provisional.emit(self._base.id, text)

    def _end(self, turn: DialogueTurn) -> None:
        usage = turn.record.usage
        stats = replace(
            self._last,
            prompt_tokens=usage.prompt_tokens,
            reused_tokens=usage.reused_tokens,
            completion_tokens=usage.completion_tokens,
            ttft_s=usage.first_words_s,
        )
        self.engine_event.emit(Done(self._base.id, _REASONS.get(turn.record.stop, "end"), turn.text, stats))
