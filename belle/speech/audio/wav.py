"""Reads WAV files (RIFF, RF64) a block at a time: integers of 8, 16, 24 and 32 bits, floats of 32 and 64 bits.

What a header says is checked before it is believed. A file that was cut off, or whose header was written before its
length was known, is read to its end.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError

Samples = NDArray[np.float32]

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_UNKNOWN_SIZE = 0xFFFFFFFF  # also what RF64 writes where the size is in the chunk ds64
_MOST_CHANNELS = 64
_RATES = range(1_000, 768_001)
_MOST_CHUNKS = 10_000
_LONGEST_FORMAT = 1 << 16
_BLOCK_S = 1.0


class UnsupportedWavError(Exception):
    """A WAV file whose samples are coded in a way that is not read here, such as A-law or MP3."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """What the header of a WAV file says.

    Attributes:
        rate: sampling rate in Hz.
        channels: number of channels.
        bits: of one sample.
        is_float: samples are floating-point numbers, not integers.
        start: offset of the first sample in the file, in bytes.
        frames: number of samples per channel, no more than the file holds.
        missing: number of frames that the header promises and the file does not hold.
    """

    rate: int
    channels: int
    bits: int
    is_float: bool
    start: int
    frames: int
    missing: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8


def is_wav(head: bytes) -> bool:
    """Whether a file that begins with these bytes (at least 12) is a WAV file."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def read_format(file: BinaryIO, path: Path) -> WavFormat:
    """The format of an open WAV file. Raises KnownError("bad_audio") and UnsupportedWavError."""
    size = os.fstat(file.fileno()).st_size
    file.seek(12)
    coding: tuple[int, int, int, int] | None = None
    large_size = 0
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, length = header[:4], int.from_bytes(header[4:], "little")
        start = file.tell()
        if name == b"ds64":
            large_size = int.from_bytes(file.read(16)[8:16], "little")
        elif name == b"fmt ":
            coding = _coding(file.read(min(length, _LONGEST_FORMAT)), path)
        elif name == b"data":
            if coding is None:
                raise _damaged(path, "its samples come before their format")
            unknown = length in (0, _UNKNOWN_SIZE)
            return _format(coding, start, (large_size or None) if unknown else length, size)
        # Chunks begin at even offsets.
        file.seek(start + length + length % 2)
    raise _damaged(path, "it has no samples" if coding is not None else "its header is incomplete")


def read_blocks(file: BinaryIO, header: WavFormat, path: Path) -> Iterator[Samples]:
    """The samples as blocks of mono float32 in -1…1 of about a second: the mean of the channels.

    Raises KnownError("bad_audio") for floats that are not numbers.
    """
    file.seek(header.start)
    left = header.frames
    while left > 0:
        n = min(left, max(1, int(header.rate * _BLOCK_S)))
        data = file.read(n * header.frame_bytes)
        whole = len(data) // header.frame_bytes
        if whole == 0:
            return  # the file became shorter while it was being read
        samples = _decoded(data[: whole * header.frame_bytes], header)
        if header.is_float and not np.isfinite(samples).all():
            raise _damaged(path, "some of its samples are not numbers")
        yield np.clip(samples.reshape(whole, header.channels).mean(axis=1), -1, 1, dtype=np.float32)
        left -= whole


def _coding(fields: bytes, path: Path) -> tuple[int, int, int, int]:
    """Format tag, channels, rate and bits of the chunk `fmt `, checked."""
    if len(fields) < 16:
        raise _damaged(path, "its header is incomplete")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", fields)
    if tag == _EXTENSIBLE and len(fields) >= 26:
        tag = struct.unpack_from("<H", fields, 24)[0]  # the first bytes of the GUID of the sub-format
    if not 1 <= channels <= _MOST_CHANNELS:
        raise _damaged(path, f"its header names {channels} channels")
    if rate not in _RATES:
        raise _damaged(path, f"its header names a sampling rate of {rate:,} Hz")
    if (tag, bits) not in ((_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)):
        raise UnsupportedWavError(f"samples of {bits} bits in coding {tag}")
    return tag, channels, rate, bits


def _format(coding: tuple[int, int, int, int], start: int, length: int | None, size: int) -> WavFormat:
    """`length`: of the samples in bytes as the header says it; None where it does not."""
    tag, channels, rate, bits = coding
    frame = channels * bits // 8
    there = max(0, size - start) // frame
    promised = there if length is None else length // frame
    frames = min(there, promised)
    return WavFormat(rate, channels, bits, tag == _FLOAT, start, frames, promised - frames)


def _decoded(data: bytes, header: WavFormat) -> NDArray[np.floating]:
    """The samples in -1…1, channels interleaved."""
    if header.is_float:
        return np.frombuffer(data, "<f4").copy() if header.bits == 32 else np.frombuffer(data, "<f8").copy()
    if header.bits == 8:  # the only size without a sign
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if header.bits == 24:
        # As the upper three bytes of 32-bit integers.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view(np.dtype("<i4")).ravel().astype(np.float32) / 2**31
    whole: NDArray[np.signedinteger] = np.frombuffer(data, f"<i{header.bits // 8}")
    return whole.astype(np.float32) / np.float32(1 << (header.bits - 1))


def _damaged(path: Path, why: str) -> KnownError:
    message = f"{path.name} cannot be read as a WAV file: {why}."
    return KnownError("bad_audio", message, "Save or export the recording again.", path=str(path))
