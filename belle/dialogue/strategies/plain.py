"""Plain: the model answers the conversation as it is."""

from __future__ import annotations

from belle.dialogue.conversation import Dialogue, Resources
from belle.dialogue.events import ModelRequest, Steps, TurnEnd, ask
from belle.dialogue.strategies.messages import history
from belle.prompts import Message


def plain(dialogue: Dialogue, resources: Resources) -> Steps:
    """Ask once."""
    del resources
    messages = history(dialogue, dialogue.system)
    request = ModelRequest((*messages, Message("user", dialogue.question)), current=len(messages))
    reply = yield from ask(request)
    return TurnEnd(reply.text, "length" if reply.is_cut else "finished")
