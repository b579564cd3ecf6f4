"""One turn under way: whoever can ask a model drives it, with or without waiting.

turn = DialogueTurn("react", dialogue, resources)
events = turn.start()
while turn.request is not None:      # has to be answered by a model
    events += turn.add_text(piece)   # as it arrives
    events += turn.reply(reply)
turn.text, turn.record               # the answer
"""

from __future__ import annotations

import time
from collections.abc import Callable

from belle.dialogue.conversation import Dialogue, Resources
from belle.dialogue.events import (
    AnswerText,
    DialogueEvent,
    FactChanged,
    ModelReply,
    ModelRequest,
    Provisional,
    SlowFinding,
    StepText,
    ToolUsed,
)
from belle.dialogue.reply_stream import ReplyStream
from belle.dialogue.scratchpad import newest
from belle.dialogue.strategies.table import STRATEGIES
from belle.dialogue.turn_record import TurnRecord, TurnStop


class DialogueTurn:
    """A question on its way to an answer.

    Args:
        strategy: a name of `STRATEGIES`.
        dialogue: ends with the question.
        resources: see there.
        clock: seconds.

    Attributes:
        request: what a model has to answer next; None where the turn has ended.
        text: the answer so far; all of it in the end.
        record: how it comes about.
    """

    def __init__(
        self,
        strategy: str,
        dialogue: Dialogue,
        resources: Resources,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request: ModelRequest | None = None
        self.text = ""
        self.record = TurnRecord(strategy, facts=dict(dialogue.facts))
        self._steps = STRATEGIES[strategy](dialogue, resources)
        self._clock = clock
        self._started = clock()
        self._stream = ReplyStream("", "")

    def start(self) -> list[DialogueEvent]:
        """Begin. Returns what has happened."""
        return self._advance(None)

    def add_text(self, piece: str) -> list[DialogueEvent]:
        """More of the reply to `request`. Returns what of it is answer, and what steps."""
        return [self._noted(event) for event in self._stream.add(piece)]

    def reply(self, reply: ModelReply) -> list[DialogueEvent]:
        """The whole reply to `request`. Returns what has happened; `request` is the next one, or None."""
        request = self.request
        if request is None:
            raise RuntimeError("nothing was asked")
        usage = self.record.usage
        usage.calls += 1
        usage.slow_calls += request.mind == "slow"
        usage.prompt_tokens += reply.prompt_tokens
        usage.reused_tokens += reply.reused_tokens
        usage.completion_tokens += reply.completion_tokens
        events = [self._noted(event) for event in self._stream.end()]
        if reply.reason == "stopped":
            self.stop()
            return events
        return [*events, *self._advance(reply)]

    def stop(self) -> None:
        """End the turn with what there is: a person wants it so."""
        self._steps.close()
        self._end(self.text, "stopped")

    def _advance(self, reply: ModelReply | None) -> list[DialogueEvent]:
        events = []
        try:
            while not isinstance(step := self._steps.send(reply), ModelRequest):
                reply = None
                events.append(self._noted(step))
        except StopIteration as end:
            if not self.text and end.value.text:  # an answer that did not follow the form
                events.append(self._noted(AnswerText(end.value.text)))
            self._end(end.value.text, end.value.stop)
            return events
        self.request = step
        self._stream = ReplyStream(step.opening, step.closing, shows_answer=step.mind == "fast")
        return events

    def _end(self, text: str, stop: TurnStop) -> None:
        self.request = None
        self.text = text
        self.record.stop = stop
        self.record.usage.seconds = self._clock() - self._started

    def _noted(self, event: DialogueEvent) -> DialogueEvent:
        record = self.record
        match event:
            case AnswerText(text=text):
                self.text += text
                if record.usage.first_words_s is None:
                    record.usage.first_words_s = self._clock() - self._started
            case StepText(text=text):
                record.steps += text
            case Provisional(text=text):
                record.provisional, self.text = text, ""
            case SlowFinding(text=text):
                record.finding = text
            case ToolUsed():
                record.usage.actions += 1
            case FactChanged(key=key, value=value):
                record.facts = newest({**record.facts, key: value})
        return event
