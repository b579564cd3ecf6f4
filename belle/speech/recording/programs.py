"""Records through a program of the system where PortAudio is missing: `pw-record` of PipeWire, or `arecord` of ALSA.

Both write 16-bit samples to a pipe, ALSA's without a header, PipeWire's behind that of a Sun audio file, whose samples
are big-endian.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from contextlib import suppress
from itertools import pairwise
from typing import IO, Literal

import numpy as np

from belle.documents import DocumentError, parse_json
from belle.errors import KnownError
from belle.speech.audio.source import RATE
from belle.speech.audio.wav import Samples
from belle.speech.events import Microphone
from belle.speech.recording import faults
from belle.speech.recording.microphone import READ_S

RecordingProgram = Literal["pw-record", "arecord"]
_PROGRAMS: tuple[RecordingProgram, ...] = ("pw-record", "arecord")
_LIST_S = 5.0
_END_S = 1.0
_READ_BYTES = 1 << 16
_SUN_HEADER = 8  # its magic, and where the samples begin
_LONGEST_HEADER = 1 << 12


def find_program() -> RecordingProgram | None:
    """The first of the two that is installed."""
    return next((name for name in _PROGRAMS if shutil.which(name)), None)


def microphones(program: RecordingProgram) -> list[Microphone]:
    """Those that are connected; none where the program cannot say."""
    if program == "pw-record":
        return _pipewire_sources(_output("pw-dump"))
    return _alsa_devices(_output("arecord", "-L"))


class ProgramMicrophone:
    """An `OpenMicrophone` that is recorded by a program. Raises KnownError when that cannot be started.

    Args:
        program: which one.
        device: as the program calls it; empty for the system's default.
    """

    rate = RATE

    def __init__(self, program: RecordingProgram, device: str) -> None:
        self.name = device
        self._program: RecordingProgram = program
        self._rest = b""  # of a sample, or of the header
        self._order = "<i2"
        self._has_begun = program == "arecord"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the program runs)
        try:
            self._process = subprocess.Popen(
                _command(program, device), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
            )
        except OSError as error:
            self._log.close()
            raise faults.from_reason(f"{program}: {error.strerror}", device) from None

    def read(self) -> Samples:
        """As `OpenMicrophone.read`."""
        pipe = _stdout(self._process)
        if not select.select([pipe], [], [], READ_S)[0]:
            return np.zeros(0, np.float32)
        data = os.read(pipe.fileno(), _READ_BYTES)
        if not data:
            raise self._end()
        self._rest += data
        if not self._has_begun and not self._take_header():
            return np.zeros(0, np.float32)
        whole = len(self._rest) // 2 * 2
        block, self._rest = self._rest[:whole], self._rest[whole:]
        return np.frombuffer(block, self._order).astype(np.float32) / np.float32(32768)

    def close(self) -> None:
        """As `OpenMicrophone.close`."""
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _stdout(self._process).close()
        self._log.close()

    def _take_header(self) -> bool:
        """Remove the header from the beginning of the stream. False while some of it has not come yet."""
        if len(self._rest) < _SUN_HEADER:
            return False
        if self._rest.startswith(b".snd"):
            start = min(int.from_bytes(self._rest[4:8], "big"), _LONGEST_HEADER)
            if len(self._rest) < start:
                return False
            self._rest, self._order = self._rest[start:], ">i2"
        self._has_begun = True
        return True

    def _end(self) -> KnownError:
        """Why the program has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._log.seek(0)
        reason = self._log.read(_READ_BYTES).decode("utf-8", "replace").strip()
        return faults.from_reason(reason or f"{self._program} has ended", self.name)


def _command(program: RecordingProgram, device: str) -> list[str]:
    if program == "pw-record":
        chosen = ["--target", device] if device else []
        return [program, "--format", "s16", "--rate", str(RATE), "--channels", "1", *chosen, "-"]
    chosen = ["-D", device] if device else []
    return [program, "-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", "1", *chosen]


def _output(*command: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, timeout=_LIST_S, check=False)
        return done.stdout.decode("utf-8", "replace")
    return ""


def _pipewire_sources(dump: str) -> list[Microphone]:
    """The sources in what `pw-dump` prints: a JSON list of all objects."""
    found: list[Microphone] = []
    with suppress(DocumentError, AttributeError, TypeError):
        for item in parse_json(dump):
            properties = (item.get("info") or {}).get("props") or {}
            if properties.get("media.class") == "Audio/Source" and properties.get("node.name"):
                name = str(properties["node.name"])
                found.append(Microphone(name, str(properties.get("node.description") or name)))
    return found


def _alsa_devices(listing: str) -> list[Microphone]:
    """The cards in what `arecord -L` prints: names at the beginning of a line, and what they are indented below.

    Of the many names of each card, `plughw` is the one that converts samples and leaves out nothing.
    """
    found: list[Microphone] = []
    for line, below in pairwise([*listing.splitlines(), ""]):
        if line.startswith("plughw:"):
            found.append(Microphone(line.strip(), below.strip() if below.startswith(" ") else line.strip()))
    return found


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout
