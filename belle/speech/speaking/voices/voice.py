"""What a voice is, and how it is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""Mono samples in -1…1."""

VoiceEngine = Literal["kokoro", "say", "espeak"]


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A voice to choose.

    Args:
        engine: what speaks.
        name: of the voice in it, such as `zf_xiaoxiao`, `Tingting` or `cmn`.
        language: the code of its language, such as `zh`; "" for one that is not known.
        folder: of the model; "" for voices of the system.
    """

    engine: VoiceEngine
    name: str
    language: str
    folder: str = ""

    @property
    def id(self) -> str:
        """How settings and `--voice` name it: `kokoro:zf_xiaoxiao`."""
        return f"{self.engine}:{self.name}"


class Voice(Protocol):
    """A voice that is ready to speak.

    Attributes:
        rate: samples per second of what it says.
    """

    rate: int

    def say(self, words: str, speed: float) -> Sound:
        """The sound of words (without digits); empty where it was interrupted, or has nothing to say.

        `speed` is 1 for the voice's own. Raises KnownError.
        """
        ...

    def interrupt(self) -> None:
        """End a `say` that another thread is in. The next one runs again."""
        ...
