"""DUMA (arXiv 2310.18075): a fast mind talks, and wakes a slow one where it is in doubt.

The fast mind's memory is a conversation of its own: `User[…]` and `SlowMind[…]` from one side, `Response[…]` with
`Invoke[True|False]` from the other. What the slow mind has found stays in it, and is known in later turns. The slow
mind reads the conversation as lines `Query i:` and `Answer i:`, and works in steps with tools.
"""

from __future__ import annotations

from belle.dialogue.conversation import Dialogue, Resources
from belle.dialogue.events import ModelRequest, Provisional, SlowFinding, Steps, StepText, TurnEnd, ask
from belle.dialogue.quoting import defused
from belle.dialogue.strategies.instructions import fast_instructions, step_instructions, with_system
from belle.dialogue.strategies.loop import ReasoningLoop
from belle.dialogue.syntax import CLOSING, RESPONSE, SLOW_MIND, fast_grammar, read_fast
from belle.prompts import Message


def duma(dialogue: Dialogue, resources: Resources) -> Steps:
    """Answer fast; where that is in doubt, ask the slow mind and answer with what it has found."""
    memory, current = _memory(dialogue)
    reply = yield from ask(_fast(memory, current, may_invoke=True))
    first = read_fast(reply.text)
    if not first.invokes:
        return TurnEnd(first.response, "length" if reply.is_cut else "finished")
    yield Provisional(first.response)
    slow = yield from ReasoningLoop(_slow(dialogue, resources), SLOW_MIND, resources, dialogue.language).run()
    yield SlowFinding(slow.text)
    yield StepText("\n")
    memory = (*memory, _response(first.response, invokes=True), _found(slow.text))
    reply = yield from ask(_fast(memory, current, may_invoke=False))
    stop = "length" if reply.is_cut else slow.stop
    return TurnEnd(read_fast(reply.text).response, stop)


def _fast(memory: tuple[Message, ...], current: int, *, may_invoke: bool) -> ModelRequest:
    return ModelRequest(
        memory,
        current,
        grammar=fast_grammar(may_invoke=may_invoke),
        opening=RESPONSE,
        closing=CLOSING,
        thinks=False,
    )


def _memory(dialogue: Dialogue) -> tuple[tuple[Message, ...], int]:
    """The fast mind's memory with the question, and the index of the question."""
    messages = [Message("system", with_system(dialogue.system, fast_instructions(dialogue.language)))]
    for turn in dialogue.turns:
        if turn.question:
            messages.append(_user(turn.question))
        if turn.record is not None and turn.record.finding:
            messages += [_response(turn.record.provisional, invokes=True), _found(turn.record.finding)]
        messages.append(_response(turn.answer, invokes=False))
    return (*messages, _user(dialogue.question)), len(messages)


def _slow(dialogue: Dialogue, resources: Resources) -> ModelRequest:
    instructions = step_instructions(dialogue.language, resources.tools, words=SLOW_MIND.all, slow=True)
    lines = []
    for number, turn in enumerate(dialogue.turns, 1):
        lines += [f"Query {number}: {defused(turn.question)}", f"Answer {number}: {defused(turn.answer)}"]
    lines.append(f"Query {len(dialogue.turns) + 1}: {defused(dialogue.question)}")
    # `current` is the whole message: of a conversation in one text nothing can be left out.
    return ModelRequest(
        (Message("system", with_system(dialogue.system, instructions)), Message("user", "\n".join(lines))),
        current=1,
        mind="slow",
    )


def _user(text: str) -> Message:
    return Message("user", f"User[{defused(text)}]")


def _found(text: str) -> Message:
    return Message("user", f"SlowMind[{defused(text)}]")


def _response(text: str, *, invokes: bool) -> Message:
    return Message("assistant", f"{RESPONSE}{text}{CLOSING}{invokes}]")
