"""Reads what is not a WAV file through the program ffmpeg, where it is installed.

ffmpeg decodes formats that strangers made, so it gets as little as possible: this one file, no network, no playlists
that name other files, and only the sound.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from belle.errors import KnownError
from belle.speech.audio.wav import Samples

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,mp3,mpeg,mpegts,ogg,opus,"
    "tak,tta,voc,w64,wav,wv"
)
_BLOCK_BYTES = 64_000  # a second of 16 kHz float32
_PROBE_S = 20.0
_LONGEST_REASON = 200


def is_installed() -> bool:
    """Whether ffmpeg is there."""
    return shutil.which("ffmpeg") is not None


def duration(path: Path) -> float | None:
    """How many seconds a file says that it takes; None where it, or ffprobe, is silent about it."""
    command = ["ffprobe", "-v", "error", *_input(path), "-show_entries", "format=duration", "-of", "csv=p=0"]
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=False)
        seconds = float(done.stdout)
        return seconds if math.isfinite(seconds) and seconds > 0 else None
    return None


def read_blocks(path: Path, rate: int) -> Iterator[Samples]:
    """The sound of a file as mono float32 at `rate` Hz.

    Raises KnownError("bad_audio") where ffmpeg finds no sound in it.
    """
    words = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", str(rate), "-f", "f32le", "pipe:1"]
    command = ["ffmpeg", "-nostdin", "-v", "error", *_input(path), *words]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        n_blocks = 0
        try:
            assert process.stdout is not None
            while data := _read(process.stdout):
                n_blocks += 1
                yield np.nan_to_num(np.frombuffer(data, "<f4")).clip(-1, 1)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if status != 0 and n_blocks == 0:
            raise _refused(path, log)


def _input(path: Path) -> list[str]:
    # “file:” so that no name is taken for an option or an address.
    return ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"file:{path.absolute()}"]


def _read(pipe: IO[bytes]) -> bytes:
    """A block of whole samples; empty at the end."""
    data = pipe.read(_BLOCK_BYTES)
    return data[: len(data) // 4 * 4]


def _refused(path: Path, log: IO[bytes]) -> KnownError:
    log.seek(0)
    lines = log.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
    named = str(path.absolute())
    reason = lines[-1].replace(f"file:{named}", path.name).replace(named, path.name)[:_LONGEST_REASON] if lines else ""
    message = f"{path.name} holds no sound that ffmpeg can read{f' (ffmpeg: {reason})' if reason else ''}."
    return KnownError(
        "bad_audio", message, "Check that it is a recording, and save or export it again.", path=str(path)
    )
