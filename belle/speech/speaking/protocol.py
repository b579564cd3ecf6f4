"""The speaking worker's protocol: one JSON object per line, in both directions, as the engine's.

Unknown fields are ignored, unknown commands and events are an error.
"""

from __future__ import annotations

from typing import Any, get_args

from belle.engine.process.protocol import decode
from belle.speech.speaking.commands import SpeakingCommand
from belle.speech.speaking.events import SpeakingEvent
from belle.speech.speaking.voices.voice import VoiceName

SPEAKING_PROTOCOL_VERSION = 1

_COMMANDS: dict[str, type[Any]] = {command.op: command for command in get_args(SpeakingCommand)}
_EVENTS: dict[str, type[Any]] = {event.event: event for event in get_args(SpeakingEvent)}


def decode_speaking_command(line: bytes) -> SpeakingCommand:
    """Raises ProtocolError."""
    command: SpeakingCommand = decode(line, "op", _COMMANDS, _value)
    return command


def decode_speaking_event(line: bytes) -> SpeakingEvent:
    """Raises ProtocolError."""
    event: SpeakingEvent = decode(line, "event", _EVENTS, _value)
    return event


def _value(name: str, value: Any) -> Any:
    if name == "voices":
        return tuple(VoiceName(**voice) for voice in value)
    return tuple(value) if isinstance(value, list) else value
