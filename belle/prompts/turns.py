"""Brings a conversation into the form that every template accepts: a system text, then user and assistant alternately.

Many templates (Mistral, Gemma, variants of Llama 2 and 3) raise an error for anything else, and would refuse all
questions after one without an answer. Such conversations are common: an answer was stopped before its first word, or
failed, or was empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from belle.prompts.base import Message

_BETWEEN = "\n\n"
_NO_QUESTION = "…"
"""The question of an answer that has none: as short as possible, and in no language."""


def alternating(messages: Sequence[Message], *, continue_last: bool = False) -> list[Message]:
    """`messages` as every template accepts them: at most one system message, then user, assistant, user and so on.

    Neighbours with one role become one message with an empty line between their texts, so a question without an answer
    is asked together with the next. A system text further down goes in front of the question that follows it.
    Messages without a visible character are left out; every other text is kept, in order. Calls of functions and what
    they returned stay as they are. A conversation that is in this form already stays as it is.

    Args:
        continue_last: the last message is an unfinished answer, which stays the last, even empty.
    """
    system: list[str] = []
    waiting: list[str] = []  # system texts for the next question
    turns: list[Message] = []
    for index, message in enumerate(messages):
        unfinished = continue_last and index == len(messages) - 1
        if not (message.content.strip() or unfinished or message.is_about_tools):
            continue
        if message.role == "system":
            (waiting if turns else system).append(message.content)
        elif message.role == "user":
            _add(turns, Message("user", _BETWEEN.join([*waiting, message.content])))
            waiting = []
        else:
            if not turns:
                turns.append(Message("user", _NO_QUESTION))
            _add(turns, message)
    system += waiting
    return [Message("system", _BETWEEN.join(system)), *turns] if system else turns


def _add(turns: list[Message], message: Message) -> None:
    about_tools = message.is_about_tools or (turns and turns[-1].is_about_tools)
    if turns and turns[-1].role == message.role and not about_tools:
        texts = [text for text in (turns[-1].content, message.content) if text]
        turns[-1] = Message(message.role, _BETWEEN.join(texts))
    else:
        turns.append(message)
