"""Records a microphone until it is told to end: levels meanwhile, and at the end the whole sound at 16 kHz."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from belle.errors import KnownError
from belle.speech.audio.resample import Resampler
from belle.speech.audio.source import RATE
from belle.speech.audio.wav import Samples
from belle.speech.recording import faults
from belle.speech.recording.microphone import READ_S, OpenMicrophone

RecordingOrder = Literal["", "finish", "cancel"]
"""What a recording was told: to go on, to end, to be thrown away."""

_FIRST_SOUND_S = 5.0  # a Bluetooth headset changes its profile first
_NO_SOUND_S = 2.0
_SHORTEST_S = 0.2
_ZEROS_S = 0.5  # a microphone that has just been opened may begin with zeros


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSound:
    """The end of a recording.

    Attributes:
        reason: `finished` or `cancelled` by the client, `longest` at its limit, `failed`: see `fault`.
        blocks: samples at `RATE`, mono.
        fault: why it ended early.
    """

    reason: Literal["finished", "cancelled", "longest", "failed"]
    blocks: tuple[Samples, ...] = ()
    fault: KnownError | None = None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return sum(map(len, self.blocks)) / RATE


def record(
    microphone: OpenMicrophone,
    order: Callable[[], RecordingOrder],
    on_level: Callable[[float, float, float], None],
    longest_s: float,
) -> RecordedSound:
    """Record until `order` says otherwise, for `longest_s` seconds at most. What came before a fault is returned.

    Args:
        microphone: open; it is not closed.
        order: asked many times a second.
        on_level: called about twenty times a second with the seconds so far, and the root mean square and the largest
            sample of the latest ones, both from 0 to 1.
        longest_s: of the recording.

    Raises KnownError: the microphone failed before there was anything to transcribe, `too_short`, `muted_microphone`.
    """
    resampler = Resampler(microphone.rate, RATE)
    blocks: list[Samples] = []
    reason: Literal["finished", "longest", "failed"] = "finished"
    fault, loudest, n = None, 0.0, 0
    try:
        for samples in _sound(microphone, order):
            blocks.append(resampler.push(samples))
            n += len(samples)
            peak = float(np.abs(samples).max())
            loudest = max(loudest, peak)
            on_level(n / microphone.rate, float(np.sqrt(np.mean(samples**2))), peak)
            if n >= longest_s * microphone.rate:
                reason = "longest"
                break
    except KnownError as error:
        reason, fault = "failed", error
    if order() == "cancel":
        return RecordedSound("cancelled")
    seconds = n / microphone.rate
    if seconds < _SHORTEST_S:
        raise fault or faults.microphone_fault("too_short")
    if loudest == 0 and seconds > _ZEROS_S:
        raise faults.microphone_fault("muted_microphone", microphone.name)
    blocks.append(resampler.finish())
    return RecordedSound(reason, tuple(blocks), fault)


def _sound(microphone: OpenMicrophone, order: Callable[[], RecordingOrder]) -> Iterator[Samples]:
    """Blocks of 50 ms and more. Raises KnownError when the microphone has gone, or is silent without having said so."""
    waiting: list[Samples] = []
    size, patience = math.ceil(microphone.rate * READ_S), _FIRST_SOUND_S
    heard = time.monotonic()
    while not order():
        try:
            samples = microphone.read()
        except KnownError:
            if waiting:
                yield np.concatenate(waiting)
            raise
        now = time.monotonic()
        if len(samples):
            waiting.append(samples)
            heard, patience = now, _NO_SOUND_S
        elif now - heard > patience:
            raise faults.microphone_fault("microphone_silent", microphone.name)
        if sum(map(len, waiting)) >= size:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)
