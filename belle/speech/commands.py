"""What a client asks the speech worker for. `Stop` and `Quit` are the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from belle.engine.process.commands import Quit, Stop


@dataclass(frozen=True, slots=True)
class LoadSpeech:
    """Load a model in place of the one that is loaded; answered by `SpeechReady` or by `Failed` with the id None.

    Args:
        path: a Whisper model in whisper.cpp's format.
        voice_activity: Silero's model in that format; None for one that is found (`voice_activity.find_model`), or the
            level of the sound.
        threads: to compute with; None for one on each physical core.
        use_gpu: where the library was built for one.
    """

    op: ClassVar[str] = "load"
    path: str
    voice_activity: str | None = None
    threads: int | None = None
    use_gpu: bool = True


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe a recording; answered by `Heard…` and `Said…`, then `Transcribed` or `Failed`.

    Args:
        id: chosen by the client, distinct per request.
        path: of the recording; empty for what `StartRecording` with the same id has recorded.
        language: a code such as `zh` or `en`, or `auto`.
        prompt: what the model takes for what was said before; None for the one of the language.
        timestamps: ask the model when its sentences begin and end. Models that were fine-tuned without times repeat
            themselves then; without, a text has the time of the speech that it was heard in.
        longest_s: of a text without times of the model, in seconds.
    """

    op: ClassVar[str] = "transcribe"
    id: int
    path: str
    language: str = "auto"
    prompt: str | None = None
    timestamps: bool = False
    longest_s: float = 28.0


@dataclass(frozen=True, slots=True)
class Unload:
    """Free the model; answered by `Unloaded`. The worker goes on and takes little memory."""

    op: ClassVar[str] = "unload"


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record a microphone, also while a model is loaded or at work; answered by `RecordingBegan`, `SoundLevel…`, then
    `RecordingEnded` or `Failed`. The sound is held for a `Transcribe` with this id, until another recording ends.

    `Stop` throws it away.

    Args:
        id: chosen by the client, distinct per request.
        microphone: an id of `MicrophoneList`; empty for the system's default; `file:PATH` for a recording that is heard
            in real time instead.
        longest_s: after so many seconds it ends by itself.
    """

    op: ClassVar[str] = "record"
    id: int
    microphone: str = ""
    longest_s: float = 600.0


@dataclass(frozen=True, slots=True)
class FinishRecording:
    """End a recording and hold what was said; answered by `RecordingEnded`. Ignored when it has ended."""

    op: ClassVar[str] = "finish"
    id: int


@dataclass(frozen=True, slots=True)
class ListMicrophones:
    """Ask which microphones there are; answered by `MicrophoneList`, or by `Failed` with the id None."""

    op: ClassVar[str] = "microphones"


SpeechCommand = LoadSpeech | Transcribe | Unload | StartRecording | FinishRecording | ListMicrophones | Stop | Quit
