"""The fields of a record: texts, roles and turns, or what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from belle.data.errors import RowError
from belle.prompts import Message
from belle.prompts.base import Role
from belle.texts import is_whole

Fields = Mapping[str, Any]
"""A record, or an object in one. Every reader yields plain dicts and lists, so checks need no abstract types."""

# BELLE and ShareGPT write `from`, OpenAI writes `role`; the names are used across.
ROLES: Mapping[str, Role] = {
    "human": "user",
    "user": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}


def role_of(name: Any) -> Role:
    """The role that a name means. Raises RowError for an unknown one: guessed wrong, its text would be trained on."""
    known = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if known is None:
        close = get_close_matches(name.lower(), ROLES, n=1) if isinstance(name, str) else []
        hint = f"Did you mean “{close[0]}”? " if close else ""
        raise RowError(f"the role “{name}” is not known", f"{hint}Known roles: {', '.join(ROLES)}.", role=str(name))
    return known


def text_of(record: Fields, key: str, *, default: str | None = None) -> str:
    """The text under a key. Raises RowError when it is something else."""
    value = record.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise RowError(f"“{key}” is {shown(value)}, not a text", key=key)
    if not is_whole(value):
        raise RowError(f"“{key}” holds half a character (a lone surrogate)", "Write it again as UTF-8.", key=key)
    return value


def label_of(record: Fields, *keys: str) -> str:
    """The text under the first of `keys` that the record has, such as its id; a number as digits. Raises RowError."""
    for key in keys:
        value = record.get(key)
        if value is not None:
            return str(value) if isinstance(value, int | float) else text_of(record, key)
    return ""


def messages_of(value: Any, key: str) -> tuple[Message, ...]:
    """A list of turns with `from` and `value`, or with `role` and `content`. Raises RowError."""
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise RowError(f"“{key}” is {shown(value)}, not a list of turns", key=key)
    if not value:
        raise RowError(f"“{key}” is empty, not a list of turns", key=key)
    messages = []
    for number, turn in enumerate(value, start=1):
        if not isinstance(turn, dict):
            raise RowError(f"turn {number} is {shown(turn)}, not an object with keys", key=key)
        role_key = "from" if "from" in turn else "role"
        if role_key not in turn:
            raise RowError(f"turn {number} has neither “from” nor “role”", f"Its keys are: {keys_of(turn)}.", key=key)
        try:
            messages.append(_message(turn, role_key))
        except RowError as error:
            raise RowError(f"turn {number}: {error.message}", error.advice, **error.details) from None
    return tuple(messages)


def _message(turn: Fields, role_key: str) -> Message:
    if turn.get("tool_calls") or turn.get("function_call"):
        # Without its call the answer would be a different one.
        raise RowError("it calls a tool, which no prompt here can describe", "Leave such rows out.", key="tool_calls")
    role = role_of(turn[role_key])
    # `weight: 0` of OpenAI's fine-tuning: an answer that is context and must not be learned.
    return Message(role, _content(turn), trained=role != "assistant" or turn.get("weight") != 0)


def _content(turn: Fields) -> str:
    key = "value" if "value" in turn else "content"
    parts = turn.get(key)
    if not isinstance(parts, list):
        return text_of(turn, key)
    if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return "".join(text_of(part, "text") for part in parts)
    raise RowError("it holds something other than text", "Only text can be trained on.", key=key)


def shown(value: Any) -> str:
    """A value described for an error message."""
    names = {type(None): "null", dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), str(value)[:40])


def keys_of(record: Fields) -> str:
    """The keys of a record, for an error message."""
    return ", ".join(map(str, record)) or "none"


# Labels of turns in conversations that are written as one text, at the beginning of a line or right after the end token
# of an answer. BELLE's reward, DPO and PPO data use all of these variants.
_LABEL = re.compile(r"(?:\A|(?<=\n)|(?<=</s>))[ \t]*(Human|Assistant|Belle)[ \t]*[:：]")
_ROLES = {"Human": "user", "Assistant": "assistant", "Belle": "assistant"}
_END = "</s>"


def is_templated(text: str) -> bool:
    """Whether the text begins as a conversation with labels: `Human: …`."""
    label = _LABEL.match(text.lstrip().removeprefix("<s>").lstrip())
    return label is not None and label[1] == "Human"


def parse_templated(text: str) -> list[Message]:
    """The messages in a text of `Human: …` and `Assistant: …`, the inverse of `belle.prompts.human_assistant`.

    An open `Assistant:` at its end is an empty answer.

    White space around messages, which belongs to the template, is taken off. Raises RowError when the text does not
    begin with a label.
    """
    text = text.lstrip().removeprefix("<s>").lstrip()
    labels = list(_LABEL.finditer(text))
    if not labels or labels[0].start() != 0:
        raise RowError("it does not begin with “Human:”", "Write it as “Human: …”, “Assistant: …”, each on a new line.")
    ends = [label.start() for label in labels[1:]] + [len(text)]
    messages = []
    for label, end in zip(labels, ends, strict=True):
        content = text[label.end() : end].strip().removesuffix(_END).strip()
        messages.append(Message("user" if _ROLES[label[1]] == "user" else "assistant", content))
    return messages


def parse_prompt(text: str) -> tuple[Message, ...]:
    """The messages of a prompt that calls for an answer; text without labels is one question.

    Raises RowError when it does not end with “Assistant:” or with a question.
    """
    if not is_templated(text):
        return (Message("user", text),)
    messages = parse_templated(text)
    if messages[-1].role == "assistant":
        if messages[-1].content:
            raise RowError(
                "the prompt ends with an answer", "It must end with a question, or with an open “Assistant:”."
            )
        messages.pop()
    return tuple(messages)
