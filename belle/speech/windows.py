"""Cuts a recording into windows for the model: speech with a little around it, cut where it is silent.

Whisper hears 30 seconds at most, and invents text where nothing is said. A window therefore begins and ends near
speech, never spans a long pause, and is at most `Cutting.longest_s` long; speech without a pause is cut at its quietest
frame. Only what is not yet in a window is held in memory, so a recording may have any length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from belle.speech.audio.source import RATE
from belle.speech.audio.wav import Samples
from belle.speech.voice_activity import FRAME, Activity, VoiceDetector

_BEGINS, _GOES_ON = 0.5, 0.35  # activity at which speech begins, and below which it has ended (Silero's numbers)
LONGEST_S = 28.0
"""Seconds of a window; the model hears 30."""

_SHORTEST_SPEECH_S = 0.1
_BLOCK_FRAMES = 20 * RATE // FRAME  # what a detector hears at once
_FRAME_S = FRAME / RATE


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a recording is cut, in seconds.

    Attributes:
        longest_s: of a window.
        pause_s: silence that always ends a window.
        margin_s: what is kept around speech.
    """

    longest_s: float = LONGEST_S
    pause_s: float = 2.0
    margin_s: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class SpeechWindow:
    """A part of a recording in which somebody speaks, from `start` to `end` seconds."""

    start: float
    end: float
    samples: Samples


@dataclass(frozen=True, slots=True)
class Heard:
    """The recording has been looked at up to `seconds`, and nothing before is waiting for a window."""

    seconds: float


def cut(blocks: Iterable[Samples], detector: VoiceDetector, cutting: Cutting) -> Iterator[SpeechWindow | Heard]:
    """The windows of a recording, in order, and between them how far it was looked at.

    Args:
        blocks: the recording at `RATE`.
        detector: tells speech from the rest; it is reset first.
        cutting: how to cut.
    """
    detector.reset()
    cutter = _Cutter(cutting)
    for block in _even_blocks(blocks):
        cutter.add(block, detector.hear(block))
        yield from cutter.windows(at_end=False)
        yield Heard(cutter.start_s)
    yield from cutter.windows(at_end=True)
    yield Heard(cutter.end_s)


def _even_blocks(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """The same samples in blocks of `_BLOCK_FRAMES` whole frames, the last one as it is."""
    waiting: list[Samples] = []
    n_waiting, size = 0, _BLOCK_FRAMES * FRAME
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        if n_waiting >= size:
            joined = np.concatenate(waiting)
            whole = n_waiting // size * size
            yield from (joined[start : start + size] for start in range(0, whole, size))
            waiting, n_waiting = [joined[whole:]], n_waiting - whole
    if n_waiting:
        yield np.concatenate(waiting)


class _Cutter:
    """Holds what is not yet in a window. Positions are frames since the beginning of what is held."""

    def __init__(self, cutting: Cutting) -> None:
        self._cutting = cutting
        self._samples: Samples = np.zeros(0, np.float32)
        self._activity: Activity = np.zeros(0, np.float32)
        self._first = 0  # the frame of the recording at which what is held begins

    @property
    def start_s(self) -> float:
        """Where what is held begins, in seconds of the recording."""
        return self._first * _FRAME_S

    @property
    def end_s(self) -> float:
        """Where it ends."""
        return self.start_s + len(self._samples) / RATE

    def add(self, block: Samples, activity: Activity) -> None:
        """Hold another block of whole frames; the last one of a recording need not be whole."""
        self._samples = np.concatenate([self._samples, block])
        self._activity = np.concatenate([self._activity, activity])

    def windows(self, *, at_end: bool) -> Iterator[SpeechWindow]:
        """Take off the windows that what comes next cannot change; `at_end`, all of them."""
        while (span := self._next_span(at_end=at_end)) is not None:
            yield self._window(*span)
            self._drop(span[1])

    def _next_span(self, *, at_end: bool) -> tuple[int, int] | None:
        """First frame of the next window and the one after its last. None: there is none, or it may become longer."""
        margin, longest, pause = map(_frames, (self._cutting.margin_s, self._cutting.longest_s, self._cutting.pause_s))
        runs = _speech(self._activity, at_end=at_end)
        if not runs:
            # Speech that begins next may have begun in the last frames, too quietly.
            self._drop(max(0, len(self._activity) - margin - _frames(_SHORTEST_SPEECH_S)))
            return None
        begin, end = max(0, runs[0][0] - margin), runs[0][1]
        following: int | None = None
        for start, stop in runs[1:]:
            if start - end > pause or stop + margin - begin > longest:
                following = start
                break
            end = stop
        if end + margin - begin > longest:
            return begin, begin + self._quietest(begin, longest)
        if following is not None:
            return begin, min(end + margin, (end + following + 1) // 2)  # two windows share the pause between them
        is_over = at_end or len(self._activity) - end > pause + margin
        return (begin, min(end + margin, len(self._activity))) if is_over else None

    def _quietest(self, begin: int, longest: int) -> int:
        """Where to cut speech without a pause, in frames after `begin`: in the last third of a window."""
        after = longest * 2 // 3
        samples = self._samples[(begin + after) * FRAME : (begin + longest) * FRAME]
        frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        # Over five frames: one frame alone may be quiet within a sound.
        power = np.convolve((frames**2).mean(axis=1), np.ones(5), "same")
        return after + int(power.argmin()) + 1 if len(power) else longest

    def _window(self, begin: int, end: int) -> SpeechWindow:
        samples = self._samples[begin * FRAME : end * FRAME]
        start = (self._first + begin) * _FRAME_S
        return SpeechWindow(start, start + len(samples) / RATE, samples)

    def _drop(self, n_frames: int) -> None:
        self._samples, self._activity = self._samples[n_frames * FRAME :], self._activity[n_frames:]
        self._first += n_frames


def _speech(activity: Activity, *, at_end: bool) -> list[tuple[int, int]]:
    """Runs of speech as first frame and the one after the last; runs that are too short are noise."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for place, value in enumerate(activity.tolist()):
        if start is None:
            if value >= _BEGINS:
                start = place
        elif value < _GOES_ON:
            runs.append((start, place))
            start = None
    shortest = _frames(_SHORTEST_SPEECH_S)
    runs = [(begin, end) for begin, end in runs if end - begin >= shortest]
    if start is not None and (not at_end or len(activity) - start >= shortest):
        runs.append((start, len(activity)))  # what is too short yet may go on
    return runs


def _frames(seconds: float) -> int:
    return round(seconds / _FRAME_S)
