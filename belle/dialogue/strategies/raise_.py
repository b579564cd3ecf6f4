"""RAISE (arXiv 2401.02777): ReAct with a working memory.

The memory has the history of the conversation, a scratchpad of facts, examples (answers to similar questions from other
conversations), and the steps of this turn. History comes first and is the same in every turn; scratchpad and examples,
which change, stand with the question.
"""

from __future__ import annotations

from belle.dialogue.conversation import Dialogue, Example, Resources
from belle.dialogue.events import ModelRequest, Steps, StepText
from belle.dialogue.quoting import quoted
from belle.dialogue.scratchpad import Scratchpad
from belle.dialogue.strategies.instructions import note_titles, step_instructions, with_system
from belle.dialogue.strategies.loop import ReasoningLoop
from belle.dialogue.strategies.messages import history
from belle.dialogue.syntax import REACT
from belle.prompts import Message

_MOST_EXAMPLES = 3
_LONGEST_EXAMPLE = 300
"""Characters of its question, and of its answer."""


def raise_(dialogue: Dialogue, resources: Resources) -> Steps:
    """Recall examples, then work in steps, each of which may note facts."""
    examples = list(resources.recall(dialogue.question))[:_MOST_EXAMPLES]
    if examples:
        yield StepText("".join(f"≈ {_cut(example.question)}\n" for example in examples) + "\n")
    instructions = step_instructions(dialogue.language, resources.tools, words=REACT.all, with_facts=True)
    messages = history(dialogue, with_system(dialogue.system, instructions))
    pad = Scratchpad(dialogue.facts)
    request = ModelRequest(
        (*messages, Message("user", _question(dialogue, pad, examples))),
        current=len(messages),
        opening=REACT.opening,
        closing="]",
    )
    return (yield from ReasoningLoop(request, REACT, resources, dialogue.language, pad).run())


def _question(dialogue: Dialogue, pad: Scratchpad, examples: list[Example]) -> str:
    facts_title, examples_title, question_title = note_titles(dialogue.language)
    parts = []
    if pad.facts:
        parts.append("\n".join([facts_title, *map(quoted, pad.lines())]))
    if examples:
        lines = [f"{quoted(_cut(example.question))}\n{quoted(f'→ {_cut(example.answer)}')}" for example in examples]
        parts.append("\n".join([examples_title, *lines]))
    return "\n\n".join([*parts, f"{question_title} {dialogue.question}"]) if parts else dialogue.question


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_EXAMPLE else f"{line[:_LONGEST_EXAMPLE]} …"
