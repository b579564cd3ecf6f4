"""What a microphone is to the recorder, whatever it is recorded through."""

from __future__ import annotations

from typing import Protocol

from belle.speech.audio.wav import Samples

READ_S = 0.05
"""How long a read waits for sound, in seconds."""


class OpenMicrophone(Protocol):
    """A microphone that is being recorded.

    Attributes:
        name: as the person knows it.
        rate: of its samples, in Hz.
    """

    name: str
    rate: int

    def read(self) -> Samples:
        """What has come since the last read, mono in -1…1; empty when nothing came within `READ_S`.

        Raises KnownError when the microphone has gone.
        """

    def close(self) -> None:
        """Stop recording."""
