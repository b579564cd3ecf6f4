"""Answers in steps in the terminal (`--strategy`): the steps dimly, the answer as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from belle.cli.chat.answer import Answered, stopping_at_interrupt
from belle.cli.chat.settings import AnswerSettings
from belle.cli.chat.transcript import ChatMessage, Transcript
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.dialogue.blocking import TurnDriver
from belle.dialogue.conversation import Resources, dialogue_of
from belle.dialogue.events import AnswerText, FactChanged, Mind, Provisional, StepText
from belle.dialogue.recall import SavedAnswers, chats_tool, recall_of
from belle.dialogue.scratchpad import Scratchpad
from belle.dialogue.tools.calculator import CALCULATOR
from belle.dialogue.tools.calendar import calendar_tool
from belle.dialogue.tools.search import TextSearch, search_tool
from belle.dialogue.turn import DialogueTurn
from belle.dialogue.turn_record import TurnRecord, TurnStop
from belle.engine.process.blocking import BlockingEngine
from belle.engine.process.commands import Generate
from belle.engine.process.events import ContextCut, Done, Event, Prefill, Stats, StopReason, Thinking
from belle.prompts import Message, Role

RECORD = "dialogue"
"""The name in a message's `stats` of how its answer came about."""

_REASONS: Mapping[TurnStop, StopReason] = {"length": "length", "stopped": "stopped"}


def resources_of(texts: Mapping[str, str], saved: SavedAnswers | None) -> Resources:
    """The tools of the terminal.

    Args:
        texts: the person's documents by name.
        saved: None where there are no saved conversations.
    """
    tools = [CALCULATOR, calendar_tool()]
    if texts:
        tools.append(search_tool("documents", TextSearch(texts).find))
    if saved is None:
        return Resources(tuple(tools))
    return Resources((*tools, chats_tool(saved)), recall_of(saved))


class StrategyAnswerer:
    """Answers by a strategy.

    Args:
        name: of the strategy.
        minds: the engines.
        resources: tools and examples.
        terminal: shows the steps.
        transcript: a conversation that is gone on with.

    Attributes:
        facts: RAISE's scratchpad, which the person may change.
    """

    def __init__(
        self,
        name: str,
        minds: Mapping[Mind, BlockingEngine],
        resources: Resources,
        terminal: Terminal,
        transcript: Transcript,
    ) -> None:
        self.name = name
        self.facts: dict[str, str] = {}
        self._driver = TurnDriver(minds)
        self._resources = resources
        self._terminal = terminal
        self.begin(transcript)

    @property
    def read(self) -> Sequence[Message]:
        """What the model was sent last; empty before the first question."""
        return self._driver.read

    def begin(self, transcript: Transcript) -> None:
        """Go on with another conversation: its scratchpad is that of its last answer."""
        self.facts = dict(dialogue_of(_messages(transcript.messages)).facts)

    def answer(
        self,
        transcript: Transcript,
        settings: AnswerSettings,
        *,
        write: Callable[[str], None] | None,
        conversation: str = "",
    ) -> Answered:
        """Answer the last question of `transcript`. The arguments and errors are those of `Answerer.answer`."""
        dialogue = dialogue_of(_messages(transcript.messages), system=transcript.system, facts=self.facts)
        turn = DialogueTurn(self.name, dialogue, self._resources)
        base = Generate(
            0,
            (),
            settings.sampling,
            max_tokens=settings.max_tokens,
            stop=settings.stop,
            overflow=settings.overflow,
            thinking=settings.thinking,
            conversation=conversation,
        )
        with stopping_at_interrupt(self._driver.stop):
            try:
                self._show(self._driver.run(turn, base), turn, write)
            finally:
                self._terminal.clear()
        self.facts = dict(turn.record.facts)
        return Answered(_done(turn), record=turn.record)

    def _show(self, events: Iterable[object], turn: DialogueTurn, write: Callable[[str], None] | None) -> None:
        # A pipe gets the answer alone, and of that nothing which is provisional.
        streams = self._terminal.interactive or self.name != "duma"
        for event in events:
            match event:
                case Prefill() | ContextCut():
                    self._note(event)
                case StepText(text=text) | Thinking(text=text) if write is not None:
                    self._terminal.think(text)
                case FactChanged(key=key, value=value) if write is not None:
                    self._terminal.note(say("scratchpad_set", name=key, value=value))
                case AnswerText(text=text) if write is not None and streams:
                    self._terminal.clear()
                    write(text)
                case Provisional(text=text) if write is not None:
                    if streams:
                        write("\n")
                    self._terminal.note(say("provisional") if streams else f"{text}\n{say('provisional')}")
        if write is not None and not streams:
            self._terminal.clear()
            write(turn.text)

    def _note(self, event: Event) -> None:
        if isinstance(event, Prefill) and event.done < event.total:
            self._terminal.progress(say("prefill", percent=100 * event.done // event.total))
        elif isinstance(event, ContextCut):
            self._terminal.note(say("cut", count=len(event.left_out)))


def edit_scratchpad(facts: dict[str, str], text: str) -> str:
    """Change a scratchpad as a person types it: `NAME = VALUE`, or `NAME =` to remove. Returns what to tell them."""
    name, _, value = (part.strip() for part in text.partition("="))
    pad = Scratchpad(facts)
    if not value:
        removed = pad.remove(name)
        told = say("scratchpad_removed" if removed else "scratchpad_unknown", name=name)
    else:
        change = pad.note(name, value)
        told = say("scratchpad_set", name=change.key, value=change.value) if change else say("scratchpad_same")
    facts.clear()
    facts.update(pad.facts)
    return told


def _messages(messages: Sequence[ChatMessage]) -> Iterable[tuple[Role, str, TurnRecord | None]]:
    return ((one.role, one.text, TurnRecord.from_fields(one.stats.get(RECORD))) for one in messages)


def _done(turn: DialogueTurn) -> Done:
    """The end of a turn as that of an answer; its steps take the place of thoughts."""
    usage = turn.record.usage
    speed = usage.completion_tokens / usage.seconds if usage.seconds else None
    stats = Stats(
        usage.prompt_tokens, usage.reused_tokens, usage.completion_tokens, usage.first_words_s, tokens_per_s=speed
    )
    reason = _REASONS.get(turn.record.stop, "end")
    return Done(0, reason, turn.text, stats, turn.record.steps.strip())
