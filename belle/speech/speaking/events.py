"""What the speaking worker answers. `Hello`, `Failed` and `Died` are the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from belle.engine.process.events import Failed, Hello
from belle.speech.speaking.voices.voice import VoiceName


@dataclass(frozen=True, slots=True)
class VoiceList:
    """The voices that can speak now; where there are none, why, and what to do about it."""

    event: ClassVar[str] = "voices"
    voices: tuple[VoiceName, ...]
    message: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class VoiceOpened:
    """The voice of a reading, by its id, is ready, after `load_s` seconds."""

    event: ClassVar[str] = "opened"
    id: int
    voice: str
    load_s: float


@dataclass(frozen=True, slots=True)
class SentenceStarted:
    """The sentence `index` of a reading is heard from now on, `start` seconds after the first one."""

    event: ClassVar[str] = "sentence"
    id: int
    index: int
    start: float


@dataclass(frozen=True, slots=True)
class ReadingEnded:
    """The end of a reading.

    Args:
        id: of the request.
        reason: `end`, or `stopped` by the client.
        seconds: of sound that was played or written.
        compute_s: how long making it took; divided by `seconds` it is the real-time factor.
    """

    event: ClassVar[str] = "ended"
    id: int
    reason: Literal["end", "stopped"]
    seconds: float
    compute_s: float


SpeakingEvent = Hello | VoiceList | VoiceOpened | SentenceStarted | ReadingEnded | Failed
