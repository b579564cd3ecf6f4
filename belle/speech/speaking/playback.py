"""Where sound goes: a WAV file, the loudspeaker by PortAudio, or a program of the system that plays files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from belle.durable import replace_file, writing
from belle.errors import KnownError
from belle.path_guard import check_output

if TYPE_CHECKING:
    from belle.speech.speaking.voices.voice import Sound

_BLOCK_S = 0.04  # a stop waits for no more than this
_COPIED_BYTES = 1 << 20
_PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"), ("afplay",))
_INSTALL = (
    "Debian, Ubuntu: apt install libportaudio2 and pip install sounddevice, or apt install pipewire-bin or alsa-utils."
)


class SoundOutput(Protocol):
    """Takes sounds one after the other, on one thread; `stop` is called from another one."""

    def play(self, sound: Sound, rate: int) -> bool:
        """Play or write a sound; returns when it has been heard. False when it was stopped. Raises KnownError."""
        ...

    def stop(self) -> None:
        """End the sound under way and refuse all that follow."""
        ...

    def close(self, *, complete: bool) -> None:
        """After the last sound. A file of a reading that is not `complete` is not kept. Raises KnownError."""
        ...


def open_output(path: str) -> SoundOutput:
    """The output of a reading: the WAV file `path`, or for "" what plays sound here. Raises KnownError("no_output")."""
    if path:
        return WavOutput(Path(path))
    if _has_portaudio():
        return DeviceOutput()
    for player in _PLAYERS:
        if shutil.which(player[0]) is not None:
            return PlayerOutput(player)
    raise KnownError("no_output", "Nothing on this computer can play sound.", _INSTALL)


class WavOutput:
    """Writes 16-bit mono WAV. The file is written when it is complete. Raises KnownError where it cannot be."""

    def __init__(self, path: Path) -> None:
        check_output(path)
        self._path = path
        self._samples = tempfile.TemporaryFile()  # noqa: SIM115
        self._rate = 0
        self._is_stopped = False

    def play(self, sound: Sound, rate: int) -> bool:
        """Write a sound, as `SoundOutput.play`."""
        if self._is_stopped:
            return False
        self._rate = rate
        with writing(self._path):
            self._samples.write(pcm(sound))
        return True

    def stop(self) -> None:
        """As `SoundOutput.stop`."""
        self._is_stopped = True

    def close(self, *, complete: bool) -> None:
        """As `SoundOutput.close`."""
        with self._samples:
            if not complete or self._rate == 0:
                return
            self._samples.seek(0)
            with replace_file(self._path) as file, wave_writer(file, self._rate) as output:
                while samples := self._samples.read(_COPIED_BYTES):
                    output.writeframes(samples)


class DeviceOutput:
    """Plays through PortAudio, on the system's default device."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._rate = 0
        self._stopped = threading.Event()

    def play(self, sound: Sound, rate: int) -> bool:
        """Play a sound, as `SoundOutput.play`."""
        import sounddevice

        try:
            if self._stream is None or rate != self._rate:
                self.close(complete=True)
                self._stream = sounddevice.OutputStream(samplerate=rate, channels=1, dtype="float32", latency="low")
                self._stream.start()
                self._rate = rate
            for block in np.array_split(sound, max(1, round(len(sound) / rate / _BLOCK_S))):
                if self._stopped.is_set():
                    return False
                self._stream.write(np.ascontiguousarray(block[:, None]))
        except sounddevice.PortAudioError as error:
            message = f"Sound cannot be played ({error.args[0] if error.args else 'unknown reason'})."
            raise KnownError("no_output", message, "Check the loudspeaker in the system's settings.") from None
        return not self._stopped.is_set()

    def stop(self) -> None:
        """As `SoundOutput.stop`; what the device still has is dropped when `close` is called."""
        self._stopped.set()

    def close(self, *, complete: bool) -> None:
        """As `SoundOutput.close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            (stream.stop if complete else stream.abort)()
            stream.close()


class PlayerOutput:
    """Plays each sound by a program such as `aplay`, from a temporary file."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def play(self, sound: Sound, rate: int) -> bool:
        """Play a sound, as `SoundOutput.play`."""
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            with wave_writer(file, rate) as output:
                output.writeframes(pcm(sound))
            file.flush()
            with self._lock:
                if self._is_stopped:
                    return False
                self._process = process = subprocess.Popen(
                    [*self._command, file.name],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
            _, errors = process.communicate()
        if process.returncode > 0:
            reason = errors.decode("utf-8", "replace").strip().split("\n")[0][:200]
            message = f"Sound cannot be played ({self._command[0]}: {reason or process.returncode})."
            raise KnownError("no_output", message, "Check the loudspeaker in the system's settings.")
        return not self._is_stopped

    def stop(self) -> None:
        """As `SoundOutput.stop`."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def close(self, *, complete: bool) -> None:
        """As `SoundOutput.close`."""


def pcm(sound: Sound) -> bytes:
    """Samples in -1…1 as 16-bit integers, little-endian."""
    return (sound.clip(-1, 1) * 32767).astype("<i2").tobytes()


@contextmanager
def wave_writer(file: IO[bytes], rate: int) -> Iterator[wave.Wave_write]:
    """Writes 16-bit mono samples at `rate` Hz into an open file."""
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(rate)
        yield output


def _has_portaudio() -> bool:
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: the package is there, and PortAudio itself is not
        return False
    try:
        return bool(sounddevice.query_devices(kind="output"))
    except (ValueError, sounddevice.PortAudioError):
        return False  # no device
