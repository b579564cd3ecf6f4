"""A recording that is played to the recorder in real time in place of a microphone: `file:PATH`.

It is for demonstrations, tests, and people who have no microphone. After its end there is silence.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from belle.speech.audio.source import RATE, open_recording
from belle.speech.audio.wav import Samples
from belle.speech.recording.microphone import READ_S

PREFIX = "file:"
_BLOCK = int(RATE * READ_S)


class RecordedFile:
    """An `OpenMicrophone` that hears a file. Raises KnownError as `open_recording`."""

    rate = RATE

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._blocks = open_recording(path).blocks
        self._held: Samples = np.zeros(0, np.float32)
        self._next = time.monotonic()

    def read(self) -> Samples:
        """The next 50 ms, when they are over."""
        self._next += READ_S
        time.sleep(max(0.0, self._next - time.monotonic()))
        while len(self._held) < _BLOCK:
            block = next(self._blocks, None)
            if block is None:
                block = np.zeros(_BLOCK, np.float32)
            self._held = np.concatenate([self._held, block])
        samples, self._held = self._held[:_BLOCK], self._held[_BLOCK:]
        return samples

    def close(self) -> None:
        """Nothing is open between two reads."""
