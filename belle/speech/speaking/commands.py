"""What a client asks the speaking worker for. `Stop` and `Quit` are the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from belle.engine.process.commands import Quit, Stop


@dataclass(frozen=True, slots=True)
class Speak:
    """Read sentences aloud; answered by `VoiceOpened`, `SentenceStarted…`, then `ReadingEnded` or `Failed`.

    Args:
        id: chosen by the client, distinct per request.
        sentences: as they are shown; numbers and signs become words here.
        complete: no `SpeakMore` follows.
        voice: as `voices.choice.find_voice` takes it; "" for the best one for the language of the sentences.
        model: the folder or file of a Kokoro model; "" for those among the models.
        speed: 1 is the voice's own.
        output: a WAV file to write; "" plays the sound.
    """

    op: ClassVar[str] = "speak"
    id: int
    sentences: tuple[str, ...]
    complete: bool = True
    voice: str = ""
    model: str = ""
    speed: float = 1.0
    output: str = ""


@dataclass(frozen=True, slots=True)
class SpeakMore:
    """More sentences of a reading under way; dropped when it has ended. The last ones are `complete`."""

    op: ClassVar[str] = "more"
    id: int
    sentences: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class ListVoices:
    """Ask which voices there are; answered by `VoiceList`. `model` as of `Speak`."""

    op: ClassVar[str] = "voices"
    model: str = ""


SpeakingCommand = Speak | SpeakMore | ListVoices | Stop | Quit
