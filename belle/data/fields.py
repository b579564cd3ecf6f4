"""The fields of a record: texts, roles and turns, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from belle.data.problems import RowError
from belle.prompts import Message
from belle.prompts.base import Role
from belle.texts import is_whole

Fields = Mapping[str, Any]
"""A record, or an object in one. Every reader gives plain dicts and lists, which are told much more quickly."""

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
    """What a role's name means. Raises RowError("… did you mean"): whoever it is, he must not become a target."""
    known = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if known is None:
        close = get_close_matches(name.lower(), ROLES, n=1) if isinstance(name, str) else []
        hint = f"Did you mean “{close[0]}”? " if close else ""
        raise RowError(f"the role “{name}” is not known", f"{hint}Known are: {', '.join(ROLES)}.", role=str(name))
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
    """What a row is called under the first of `keys` that it has; a number is its digits. Raises RowError."""
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
        # Without its call the answer would be another one.
        raise RowError("it calls a tool, which no prompt here can describe", "Leave such rows out.", key="tool_calls")
    role = role_of(turn[role_key])
    # `weight: 0` of OpenAI's fine-tuning: an answer that is there to be read and not to be learned.
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
    """What a value is, for an error."""
    names = {type(None): "null", dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), str(value)[:40])


def keys_of(record: Fields) -> str:
    """The keys of a record, for an error."""
    return ", ".join(map(str, record)) or "none"
