"""The speech worker's protocol: one JSON object per line, in both directions, as the engine's.

Unknown fields are ignored, unknown commands and events are an error.
"""

from __future__ import annotations

from typing import Any, get_args

from belle.engine.process.protocol import decode
from belle.speech.commands import SpeechCommand
from belle.speech.events import Microphone, SpeechEvent, SpeechModel

SPEECH_PROTOCOL_VERSION = 1

_COMMANDS: dict[str, type[Any]] = {command.op: command for command in get_args(SpeechCommand)}
_EVENTS: dict[str, type[Any]] = {event.event: event for event in get_args(SpeechEvent)}


def decode_command(line: bytes) -> SpeechCommand:
    """Raises ProtocolError."""
    command: SpeechCommand = decode(line, "op", _COMMANDS, _value)
    return command


def decode_event(line: bytes) -> SpeechEvent:
    """Raises ProtocolError."""
    event: SpeechEvent = decode(line, "event", _EVENTS, _value)
    return event


def _value(name: str, value: Any) -> Any:
    if name == "microphones":
        return tuple(Microphone(**microphone) for microphone in value)
    return SpeechModel(**value) if name == "model" else value
