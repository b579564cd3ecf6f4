"""The speech worker's protocol: one JSON object per line, in both directions, as the engine's.

Unknown fields are ignored, unknown commands and events are an error.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args

from belle.documents import parse_json_row
from belle.engine.process.protocol import ProtocolError
from belle.speech.commands import SpeechCommand
from belle.speech.events import SpeechEvent, SpeechModel
from belle.texts import utf8

SPEECH_PROTOCOL_VERSION = 1

_COMMANDS: dict[str, type[Any]] = {command.op: command for command in get_args(SpeechCommand)}
_EVENTS: dict[str, type[Any]] = {event.event: event for event in get_args(SpeechEvent)}


def encode(item: SpeechCommand | SpeechEvent) -> bytes:
    """One line of UTF-8 JSON, newline included."""
    kind = {"op": item.op} if hasattr(item, "op") else {"event": item.event}
    return utf8(json.dumps(kind | dataclasses.asdict(item), ensure_ascii=False, separators=(",", ":"))) + b"\n"


def decode_command(line: bytes) -> SpeechCommand:
    """Raises ProtocolError."""
    command: SpeechCommand = _decode(line, "op", _COMMANDS)
    return command


def decode_event(line: bytes) -> SpeechEvent:
    """Raises ProtocolError."""
    event: SpeechEvent = _decode(line, "event", _EVENTS)
    return event


def _decode(line: bytes, tag: str, types: dict[str, type[Any]]) -> Any:
    try:
        fields = parse_json_row(line)
        cls = types[fields.pop(tag)]
        if "model" in fields:
            fields["model"] = SpeechModel(**fields["model"])
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in fields.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"not a line of the speech protocol: {line[:200]!r}") from error
