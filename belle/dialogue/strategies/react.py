"""ReAct (Yao et al. 2022, arXiv 2210.03629): thoughts and actions take turns until the model finishes."""

from __future__ import annotations

from belle.dialogue.conversation import Dialogue, Resources
from belle.dialogue.events import ModelRequest, Steps
from belle.dialogue.strategies.instructions import step_instructions, with_system
from belle.dialogue.strategies.loop import ReasoningLoop
from belle.dialogue.strategies.messages import history
from belle.dialogue.syntax import REACT
from belle.prompts import Message


def react(dialogue: Dialogue, resources: Resources) -> Steps:
    """Work in steps, with nothing but the conversation in mind."""
    instructions = step_instructions(dialogue.language, resources.tools, words=REACT.all)
    messages = history(dialogue, with_system(dialogue.system, instructions))
    request = ModelRequest(
        (*messages, Message("user", dialogue.question)),
        current=len(messages),
        opening=REACT.opening,
        closing="]",
    )
    return (yield from ReasoningLoop(request, REACT, resources, dialogue.language).run())
