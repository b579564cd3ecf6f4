"""Where in a recording somebody speaks: by the Silero model when its file is there, else by the level of the sound.

Both give one number for each frame of 512 samples (32 ms), from 0 (silence) to 1 (speech), and keep what they have
heard, so that a recording of any length goes through a block at a time.

The level gate is for want of anything better: it tells sound from silence and from steady noise, but a slammed door is
speech to it.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from belle import paths
from belle.errors import KnownError
from belle.speech.audio.wav import Samples
from belle.speech.library import WhisperLibrary

FRAME = 512
"""Samples of a frame: 32 ms at 16 kHz, the window that Silero was trained with."""

Activity = NDArray[np.float32]
"""A number for each frame."""


class VoiceDetector(Protocol):
    """Tells speech from everything else. A part of a frame at the end of a block counts as a frame."""

    def hear(self, block: Samples) -> Activity:
        """The activity in the next block of the recording."""

    def reset(self) -> None:
        """A new recording begins."""

    def close(self) -> None:
        """Free what it holds."""


class LevelGate:
    """Speech is what is louder than the background by `_ABOVE_DB`, and not inaudible.

    The background is the level that a tenth of the frames stays below, in this block and the one before. Where nothing
    is louder than the rest (silence, a hum, wind), there is no speech; in speech the pauses between sounds are quiet.
    """

    _ABOVE_DB = 9.0
    _INAUDIBLE_DB = -55.0  # of full scale; noise of a quiet room is recorded at about -60
    _QUIET_SHARE = 10  # percent

    def __init__(self) -> None:
        self._before: Activity = np.zeros(0, np.float32)

    def hear(self, block: Samples) -> Activity:
        """As `VoiceDetector.hear`."""
        padded = np.zeros(-(-len(block) // FRAME) * FRAME, np.float32)
        padded[: len(block)] = block
        power = (padded.reshape(-1, FRAME) ** 2).mean(axis=1)
        levels = np.asarray(10 * np.log10(power + 1e-12), np.float32)
        known = np.concatenate([self._before, levels])
        self._before = levels
        if not len(known):
            return levels
        background = np.percentile(known, self._QUIET_SHARE)
        return np.asarray(levels > max(self._INAUDIBLE_DB, background + self._ABOVE_DB), np.float32)

    def reset(self) -> None:
        """As `VoiceDetector.reset`."""
        self._before = np.zeros(0, np.float32)

    def close(self) -> None:
        """As `VoiceDetector.close`."""


class SileroDetector:
    """The Silero model in whisper.cpp's format. Raises KnownError("damaged") for a file that cannot be loaded."""

    def __init__(self, library: WhisperLibrary, path: Path) -> None:
        self._library = library
        functions = library.functions
        params = functions.whisper_vad_default_context_params()
        params.n_threads, params.use_gpu = 1, False  # of a net this small, more threads would only wait for each other
        self._context = functions.whisper_vad_init_from_file_with_params(str(path).encode(), params)
        if not self._context:
            reason = library.log.reason()
            message = f"{path.name} is not a model for voice activity that can be loaded{_words(reason)}."
            advice = "Take Silero's in whisper.cpp's format, ggml-silero-v6.2.0.bin, or none."
            raise KnownError("damaged", message, advice, path=str(path), log=reason)
        self.reset()

    def hear(self, block: Samples) -> Activity:
        """As `VoiceDetector.hear`."""
        if not len(block):
            return np.zeros(0, np.float32)
        samples = np.ascontiguousarray(block, np.float32)
        functions = self._library.functions
        if not functions.whisper_vad_detect_speech_no_reset(self._context, _address(samples), len(samples)):
            raise KnownError(
                "speech_failed", f"Voice activity could not be computed{_words(self._library.log.reason())}."
            )
        n = functions.whisper_vad_n_probs(self._context)
        return np.ctypeslib.as_array(functions.whisper_vad_probs(self._context), (n,)).astype(np.float32)

    def reset(self) -> None:
        """As `VoiceDetector.reset`."""
        self._library.functions.whisper_vad_reset_state(self._context)

    def close(self) -> None:
        """As `VoiceDetector.close`."""
        if self._context:
            self._library.functions.whisper_vad_free(self._context)
        self._context = None


def find_model(beside: Path) -> Path | None:
    """Silero's model in the folder of the Whisper model `beside`, or among the models of this computer.

    Of several, the one with the highest version.
    """
    for folder in (beside.parent, paths.models_dir()):
        files = sorted(folder.glob("ggml-silero-*.bin"))
        if files:
            return files[-1]
    return None


def _address(samples: Samples) -> ctypes.c_void_p:
    return samples.ctypes.data_as(ctypes.c_void_p)


def _words(reason: str) -> str:
    return f" (whisper.cpp: {reason})" if reason else ""
