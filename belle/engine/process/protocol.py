"""The protocol between a client and the engine's worker process: one JSON object per line, in both directions.

Commands go to the worker's stdin, events come from its stdout; each is a frozen dataclass of `commands` or `events`.
`encode` and `decode_command` / `decode_event` are the only places where JSON is made and read. Unknown fields are
ignored, unknown commands and events are an error, so that versions can differ by additions only.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args

from belle.documents import parse_json_row
from belle.engine.process.commands import Command, Sampling
from belle.engine.process.events import Event, Fallback, ModelInfo, Stats, TemplateOption, TokenLogprob
from belle.prompts import Message, PictureRef, ToolCall
from belle.texts import utf8

PROTOCOL_VERSION = 2

_COMMANDS: dict[str, type[Any]] = {command.op: command for command in get_args(Command)}

_EVENTS: dict[str, type[Any]] = {event.event: event for event in get_args(Event)}

_NESTED: dict[str, Any] = {"sampling": Sampling, "stats": Stats}


class ProtocolError(ValueError):
    """A line that is not a command or event of this protocol."""


def encode(item: Any) -> bytes:
    """A command or event of this protocol, or of one like it, as one line of UTF-8 JSON, newline included."""
    kind = {"op": item.op} if hasattr(item, "op") else {"event": item.event}
    line = json.dumps(kind | dataclasses.asdict(item), ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate (half an emoji, or a byte of a file name that is not UTF-8) arrives as it is.
    return utf8(line) + b"\n"


def decode_command(line: bytes) -> Command:
    """Raises ProtocolError."""
    command: Command = decode(line, "op", _COMMANDS, _value)
    return command


def decode_event(line: bytes) -> Event:
    """Raises ProtocolError."""
    event: Event = decode(line, "event", _EVENTS, _value)
    return event


def decode(line: bytes, tag: str, types: Mapping[str, type[Any]], value_of: Callable[[str, Any], Any]) -> Any:
    """The command or event in a line, of this protocol or of one like it.

    Args:
        tag: the key that names its kind.
        types: the dataclass of each kind.
        value_of: the value of a field, from its name and what JSON has of it.

    Raises ProtocolError.
    """
    try:
        fields = parse_json_row(line)
        cls: Any = types[fields.pop(tag)]
        known = _field_names(cls)
        return cls(**{name: value_of(name, value) for name, value in fields.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"not a line of the worker's protocol: {line[:200]!r}") from error


@cache
def _field_names(cls: type[Any]) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(cls))


def _value(name: str, value: Any) -> Any:
    if name == "model":
        return _model_info(**value)
    if name in _NESTED:
        return _NESTED[name](**value)
    if name == "messages":
        return tuple(_message(**m) for m in value)
    if name == "options":
        return tuple(TemplateOption(**{**option, "missing": tuple(option["missing"])}) for option in value)
    if name == "tokens" and isinstance(value, list):
        return tuple(_token_logprob(**token) for token in value)
    # Every other list is one of texts or numbers.
    return tuple(value) if isinstance(value, list) else value


def _model_info(fallbacks: list[dict[str, str]] | tuple[()] = (), **fields: Any) -> ModelInfo:
    return ModelInfo(**fields, fallbacks=tuple(Fallback(**fallback) for fallback in fallbacks))


def _message(
    tool_calls: list[dict[str, str]] | tuple[()] = (), pictures: list[dict[str, str]] | tuple[()] = (), **fields: Any
) -> Message:
    calls = tuple(ToolCall(**call) for call in tool_calls)
    return Message(**fields, tool_calls=calls, pictures=tuple(PictureRef(**picture) for picture in pictures))


def _token_logprob(piece: list[int], top: list[tuple[int, list[int], float]], **fields: Any) -> TokenLogprob:
    alternatives = tuple((token, tuple(other), logprob) for token, other, logprob in top)
    return TokenLogprob(**fields, piece=tuple(piece), top=alternatives)
