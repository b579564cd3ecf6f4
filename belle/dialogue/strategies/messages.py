"""The conversation so far as messages."""

from __future__ import annotations

from belle.dialogue.conversation import Dialogue
from belle.prompts import Message


def history(dialogue: Dialogue, system: str) -> tuple[Message, ...]:
    """A system prompt, if there is one, and the turns before the question."""
    messages = [Message("system", system)] if system.strip() else []
    for turn in dialogue.turns:
        if turn.question:
            messages.append(Message("user", turn.question))
        messages.append(Message("assistant", turn.answer))
    return tuple(messages)
