"""Records through PortAudio, by the package sounddevice.

The wheels for macOS have PortAudio inside; on Linux it is a package of the system.
"""

from __future__ import annotations

import queue
from typing import Any

import numpy as np

from belle.speech.audio.wav import Samples
from belle.speech.events import Microphone
from belle.speech.recording import faults
from belle.speech.recording.microphone import READ_S

_MOST_CHANNELS = 2  # some devices have no single one


def find_portaudio() -> Any | None:
    """The module sounddevice, with the devices that are connected now; None where PortAudio is missing."""
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: the package is there, and the library is not
        return None
    # PortAudio lists the devices once, when it is initialized; these are sounddevice's own names for doing it again.
    sounddevice._terminate()
    sounddevice._initialize()
    return sounddevice


def microphones(sounddevice: Any) -> list[Microphone]:
    """Those that are connected."""
    names = [device["name"] for device in sounddevice.query_devices() if device["max_input_channels"] > 0]
    return [Microphone(name, name) for name in dict.fromkeys(names)]


class PortAudioMicrophone:
    """An `OpenMicrophone`. Raises KnownError when it cannot be recorded.

    Args:
        sounddevice: of `find_portaudio`.
        device: its name; empty for the system's default.
    """

    def __init__(self, sounddevice: Any, device: str) -> None:
        # From PortAudio's own thread. None: the stream has ended.
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.name = device
        try:
            index = _index(sounddevice, device)
            facts = sounddevice.query_devices(index, "input")
            self.name = str(facts["name"])
            self.rate = int(facts["default_samplerate"])
            self._channels = max(1, min(_MOST_CHANNELS, int(facts["max_input_channels"])))
            self._stream = sounddevice.RawInputStream(
                samplerate=self.rate,
                device=index,
                channels=self._channels,
                dtype="float32",
                callback=self._receive,
                finished_callback=lambda: self._blocks.put(None),
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:  # ValueError: no such device
            raise faults.from_reason(str(error.args[0] if error.args else error), self.name) from None

    def read(self) -> Samples:
        """As `OpenMicrophone.read`."""
        parts: list[bytes] = []
        try:
            block = self._blocks.get(timeout=READ_S)
            while block is not None:
                parts.append(block)
                block = self._blocks.get_nowait()
            if not parts:
                raise faults.microphone_fault("microphone_gone", self.name)
            self._blocks.put(None)  # for the next read
        except queue.Empty:
            pass
        frames = np.nan_to_num(np.frombuffer(b"".join(parts), np.float32)).clip(-1, 1).reshape(-1, self._channels)
        samples: Samples = frames.mean(axis=1)
        return samples

    def close(self) -> None:
        """As `OpenMicrophone.close`."""
        self._stream.close()

    def _receive(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        self._blocks.put(bytes(data))


def _index(sounddevice: Any, name: str) -> int | None:
    """The number of a device; None for the default. Raises KnownError("unknown_microphone")."""
    if not name:
        return None
    for number, device in enumerate(sounddevice.query_devices()):
        if device["name"] == name and device["max_input_channels"] > 0:
            return number
    raise faults.microphone_fault("unknown_microphone", name)
