"""Requests of a turn as the engine takes them, and its answers as replies."""

from __future__ import annotations

from belle.dialogue.events import ModelReply, ModelRequest
from belle.engine.process.commands import Generate
from belle.engine.process.events import Done


def generate(request: ModelRequest, base: Generate, number: int, *, conversation: str = "") -> Generate:
    """What asks the engine for a reply to `request`.

    Args:
        base: sampling, length and thinking as the person wants them, and what happens when the context is full; the
            rest of it is not looked at. A summary of what was left out is not made: the oldest turns leave.
        number: id of the request.
        conversation: under which the KV cache is saved.

    Stop strings of `base` hold where there is no grammar: they could cut through the syntax.
    """
    most = base.max_tokens
    return Generate(
        number,
        request.messages,
        base.sampling,
        max_tokens=None if most is None else most + request.most_tokens,
        stop=() if request.grammar else base.stop,
        overflow="drop_oldest" if base.overflow == "summarise" else base.overflow,
        pinned=tuple(range(request.current, len(request.messages))),
        thinking=base.thinking if request.thinks is None else request.thinks,
        conversation=conversation,
        grammar=request.grammar,
    )


def reply_of(done: Done) -> ModelReply:
    """The reply in what the engine has answered."""
    stats = done.stats
    return ModelReply(done.text, done.reason, stats.prompt_tokens, stats.reused_tokens, stats.completion_tokens)
