"""Opens a recording in whatever format: blocks of 16 kHz mono samples, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from belle.errors import KnownError
from belle.path_guard import open_input
from belle.speech.audio import ffmpeg, wav
from belle.speech.audio.resample import Resampler
from belle.speech.audio.wav import Samples

RATE = 16_000
"""Of all sound in here, in Hz: what Whisper was trained with."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that can be read, once.

    Attributes:
        seconds: how long it takes; None where that is found out by reading it.
        missing_s: how much of it a cut file lacks, by its own header.
        blocks: its samples, float32 in -1…1 at `RATE`.
    """

    seconds: float | None
    missing_s: float
    blocks: Iterator[Samples]


def open_recording(path: Path) -> Recording:
    """Open a recording. Nothing of it is read but its header.

    Raises KnownError: `bad_audio`, `empty_audio`, `no_decoder`, and those of `belle.path_guard.open_input`. Reading the
    blocks raises `bad_audio` and `empty_audio`.
    """
    with open_input(path) as file:
        head = file.read(12)
        if not head:
            raise _empty(path)
        unsupported = ""
        if wav.is_wav(head):
            try:
                header = wav.read_format(file, path)
            except wav.UnsupportedWavError as error:
                unsupported = str(error)
            else:
                if header.frames == 0:
                    raise _empty(path)
                return Recording(header.frames / header.rate, header.missing / header.rate, _wav_blocks(path, header))
    if not ffmpeg.is_installed():
        raise _no_decoder(path, unsupported)
    return Recording(ffmpeg.duration(path), 0.0, _decoded_blocks(path))


def _wav_blocks(path: Path, header: wav.WavFormat) -> Iterator[Samples]:
    resampler = Resampler(header.rate, RATE)
    with open_input(path) as file:
        for block in wav.read_blocks(file, header, path):
            yield resampler.push(block)
    yield resampler.finish()


def _decoded_blocks(path: Path) -> Iterator[Samples]:
    n = 0
    for block in ffmpeg.read_blocks(path, RATE):
        n += len(block)
        yield block
    if n == 0:
        raise _empty(path)


def _empty(path: Path) -> KnownError:
    return KnownError("empty_audio", f"{path.name} has no sound in it: 0 samples.", "Record it again.", path=str(path))


def _no_decoder(path: Path, unsupported: str) -> KnownError:
    what = f"a WAV file with {unsupported}" if unsupported else "not a WAV file"
    message = f"{path.name} is {what}, and ffmpeg, which reads other formats, is not installed."
    advice = (
        "Install ffmpeg (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg), or save it as 16-bit WAV."
    )
    return KnownError("no_decoder", message, advice, path=str(path))
