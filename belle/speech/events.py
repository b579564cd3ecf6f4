"""What the speech worker answers. `Hello`, `Failed` and `Died` are the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from belle.engine.process.events import Failed, Hello


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """A loaded model.

    Args:
        path: of its file.
        type: of its matrices, such as `Q5_0`.
        is_multilingual: it knows other languages than English.
        voice_activity: the name of the model that tells speech from silence; "" for the level of the sound.
        load_s: how long loading took, in seconds.
    """

    path: str
    type: str
    is_multilingual: bool
    voice_activity: str
    load_s: float


@dataclass(frozen=True, slots=True)
class SpeechReady:
    """A model is loaded."""

    event: ClassVar[str] = "ready"
    model: SpeechModel


@dataclass(frozen=True, slots=True)
class Unloaded:
    """No model is loaded any more."""

    event: ClassVar[str] = "unloaded"


@dataclass(frozen=True, slots=True)
class HeardUntil:
    """A recording has been transcribed up to `seconds` of `total`; None where its length is not known yet."""

    event: ClassVar[str] = "heard"
    id: int
    seconds: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """A text that was said from `start` to `end`, in seconds of the recording. `language` is its code."""

    event: ClassVar[str] = "said"
    id: int
    start: float
    end: float
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The end of a recording.

    Args:
        id: of the request.
        reason: `end`, or `stopped` by the client.
        seconds: of the recording, as far as it was looked at.
        speech_s: of it, what the model was given.
        compute_s: how long it all took; divided by `seconds` it is the real-time factor.
        missing_s: what the file lacks by its own header, because it was cut off.
    """

    event: ClassVar[str] = "transcribed"
    id: int
    reason: Literal["end", "stopped"]
    seconds: float
    speech_s: float
    compute_s: float
    missing_s: float


@dataclass(frozen=True, slots=True)
class Microphone:
    """One that is connected: its `id` for `Record`, and its `name` for the person."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class MicrophoneList:
    """The microphones that are connected."""

    event: ClassVar[str] = "microphones"
    microphones: tuple[Microphone, ...]


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """A microphone, by its name, is being recorded."""

    event: ClassVar[str] = "recording"
    id: int
    microphone: str


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """How loud it is now, about twenty times a second.

    Args:
        id: of the recording.
        seconds: recorded so far.
        rms: root mean square of the latest samples, 0…1.
        peak: the largest of them, 0…1.
    """

    event: ClassVar[str] = "level"
    id: int
    seconds: float
    rms: float
    peak: float


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """The end of a recording.

    Args:
        id: of the request.
        reason: `finished` or `cancelled` by the client, `longest` at its limit, `failed` because of the microphone;
            all but what was cancelled can be transcribed.
        seconds: how long it is.
        kind: of the fault, after `failed`.
        message: of the fault.
        advice: of the fault.
    """

    event: ClassVar[str] = "recorded"
    id: int
    reason: Literal["finished", "cancelled", "longest", "failed"]
    seconds: float
    kind: str = ""
    message: str = ""
    advice: str = ""


SpeechEvent = (
    Hello
    | SpeechReady
    | Unloaded
    | HeardUntil
    | Said
    | Transcribed
    | MicrophoneList
    | RecordingBegan
    | SoundLevel
    | RecordingEnded
    | Failed
)
