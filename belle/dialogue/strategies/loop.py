"""The loop of thought, action and observation, which ReAct, RAISE and DUMA's slow mind have in common.

Each step is a message of the model, each observation one of the person, so that a prompt only ever grows at its end.
The loop ends when the model finishes; after a number of steps, or when it repeats an action, its next step can be
nothing else.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from belle.dialogue.conversation import Resources
from belle.dialogue.events import DialogueEvent, ModelReply, ModelRequest, StepText, ToolUsed, TurnEnd, ask
from belle.dialogue.language import Language
from belle.dialogue.quoting import quoted
from belle.dialogue.scratchpad import Scratchpad
from belle.dialogue.strategies.instructions import no_more_steps, repeated
from belle.dialogue.syntax import FINISH, StepWords, read_step, step_grammar
from belle.dialogue.tools.tool import call
from belle.dialogue.turn_record import TurnStop
from belle.prompts import Message

_TOKENS_OF_A_STEP = 256
"""For its thought and its action, besides an answer."""


@dataclass(slots=True)
class ReasoningLoop:
    """One run of the loop.

    Args:
        request: the prompt up to the question, and who is asked.
        words: of the steps.
        resources: the tools, and how many steps there may be.
        language: in which the model is told to finish.
        scratchpad: that steps may write to; None for none.
    """

    request: ModelRequest
    words: StepWords
    resources: Resources
    language: Language
    scratchpad: Scratchpad | None = None

    def run(self) -> Generator[DialogueEvent | ModelRequest, ModelReply | None, TurnEnd]:
        """Yield what happens. Returns what the model has finished with."""
        request = replace(self.request, most_tokens=_TOKENS_OF_A_STEP)
        done: set[tuple[str, str]] = set()
        forced: TurnStop | None = None  # why nothing but an answer can come next
        number = 0
        while True:
            number += 1
            if forced is None and number >= self.resources.most_steps:
                forced = "limit"
            reply = yield from ask(replace(request, grammar=self._grammar(finish=forced is not None)))
            step = read_step(reply.text, self.words)
            yield from self._note(step.facts)
            is_cut_short = reply.is_cut and not step.tool  # in its thought
            if forced or step.tool == FINISH or not (step.tool or is_cut_short):
                text = step.argument if step.tool == FINISH else step.thought
                return TurnEnd(text, "length" if reply.is_cut else forced or "finished")
            action = (step.tool, " ".join(step.argument.casefold().split()))
            if is_cut_short:
                forced, said = "length", no_more_steps(self.language)
            elif action in done:
                forced, said = "repeated", repeated(self.language)
            else:
                done.add(action)
                said = yield from self._act(step.tool, step.argument)
                if number + 1 >= self.resources.most_steps:
                    said = f"{said}\n{no_more_steps(self.language)}"
            observation = f"{self.words.observation}:\n{said}"
            yield StepText(f"\n{observation}\n")
            messages = (*request.messages, Message("assistant", reply.text), Message("user", observation))
            request = replace(request, messages=messages)

    def _grammar(self, *, finish: bool) -> str:
        tools = () if finish else [tool.name for tool in self.resources.tools]
        return step_grammar(self.words, tools, with_facts=self.scratchpad is not None)

    def _act(self, tool: str, argument: str) -> Generator[DialogueEvent, None, str]:
        result, failed = call(self.resources.tools, tool, argument)
        yield ToolUsed(tool, argument, result, failed)
        change = None if failed or self.scratchpad is None else self.scratchpad.note_result(tool, argument, result)
        if change is not None:
            yield change
        return quoted(result)

    def _note(self, facts: tuple[tuple[str, str], ...]) -> Generator[DialogueEvent, None, None]:
        for key, value in facts:
            change = self.scratchpad.note(key, value) if self.scratchpad is not None else None
            if change is not None:
                yield change
