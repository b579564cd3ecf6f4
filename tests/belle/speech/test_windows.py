"""Recordings are cut where it is silent, into windows that the model can hear, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.speech.audio.source import RATE
from belle.speech.voice_activity import FRAME, Activity, LevelGate
from belle.speech.windows import Cutting, Heard, SpeechWindow, cut


class LoudIsSpeech:
    """Knows exactly what the tests' recordings are made of."""

    def hear(self, block: np.ndarray) -> Activity:
        padded = np.zeros(-(-len(block) // FRAME) * FRAME, np.float32)
        padded[: len(block)] = block
        return (np.abs(padded.reshape(-1, FRAME)).max(axis=1) > 0.05).astype(np.float32)

    def reset(self) -> None: ...

    def close(self) -> None: ...


def sound(seconds: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(np.arange(int(seconds * RATE)))).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.float32)


def spoken(seconds: float) -> np.ndarray:
    """Noise whose level goes up and down, as that of syllables does."""
    n = int(seconds * RATE)
    level = 0.1 * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(n) / RATE)) ** 2
    return (level * np.random.default_rng(n).normal(size=n)).astype(np.float32)


def windows(*parts: np.ndarray, cutting: Cutting | None = None) -> list[SpeechWindow]:
    items = cut(iter(parts), LoudIsSpeech(), cutting or Cutting())
    return [item for item in items if isinstance(item, SpeechWindow)]


def spans(found: list[SpeechWindow]) -> list[tuple[float, float]]:
    return [(round(window.start, 1), round(window.end, 1)) for window in found]


def test_short_pauses_are_spanned_and_long_ones_are_not() -> None:
    found = windows(silence(3), sound(2), silence(1), sound(2), silence(5), sound(1), silence(3))
    assert spans(found) == [(2.7, 8.3), (12.7, 14.3)]


def test_a_window_is_cut_at_a_pause_before_it_becomes_too_long() -> None:
    found = windows(*[part for _ in range(10) for part in (sound(5), silence(0.5))])
    assert [round(window.end - window.start) for window in found] == [27, 28]


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    found = windows(sound(24), sound(0.3, 0.06), sound(30))
    assert found[0].end == pytest.approx(24.15, abs=0.2)
    assert all(window.end - window.start <= 28.1 for window in found)


def test_a_click_is_no_speech() -> None:
    assert windows(silence(2), sound(0.03), silence(2)) == []


def test_nothing_is_said_in_silence_in_a_hum_and_in_steady_noise() -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, RATE * 50).astype(np.float32)
    for steady in (silence(50), sound(50), noise, noise * 1e-3, np.zeros(0, np.float32)):
        assert [item for item in cut([steady], LevelGate(), Cutting()) if isinstance(item, SpeechWindow)] == []


@pytest.mark.parametrize("noise", [0.0, 1e-4, 3e-3])
@pytest.mark.parametrize("before", [0.0, 0.2, 45.0])
def test_the_level_gate_hears_speech_in_a_quiet_room(noise: float, before: float) -> None:
    recording = np.concatenate([silence(before), spoken(3), silence(1)])
    recording += np.random.default_rng(2).normal(0, 1, len(recording)).astype(np.float32) * np.float32(noise)
    found = [item for item in cut([recording], LevelGate(), Cutting()) if isinstance(item, SpeechWindow)]
    assert len(found) == 1
    assert found[0].start == pytest.approx(before, abs=0.6)
    assert found[0].end == pytest.approx(before + 3, abs=0.6)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), max_size=8),
    st.lists(st.integers(1, 100_000), min_size=1, max_size=5),
    st.sampled_from([1.5, 3.0, 12.0]),
)
def test_windows_hold_all_speech_in_order_whatever_the_blocks(
    lengths: list[tuple[int, int]], blocks: list[int], longest: float
) -> None:
    """Lengths of silence and speech are in tenths of a second."""
    recording = np.concatenate([silence(0.1), *(p for a, b in lengths for p in (silence(a / 10), sound(b / 10)))])
    found = windows(*np.split(recording, np.cumsum(blocks)), cutting=Cutting(longest_s=longest))
    assert spans(found) == spans(windows(recording, cutting=Cutting(longest_s=longest)))
    heard = np.zeros(len(recording), bool)
    before = 0.0
    for window in found:
        start = round(window.start * RATE)
        assert window.start >= before - 1e-9
        assert window.end - window.start <= longest + FRAME / RATE
        assert np.array_equal(window.samples, recording[start : start + len(window.samples)])
        heard[start : start + len(window.samples)] = True
        before = window.end
    loud = np.abs(recording) > 0.05
    # Speech shorter than a tenth of a second at an edge of frames may be taken for a click.
    assert (loud & ~heard).sum() <= FRAME * 4 * (1 + sum(b <= 2 for _, b in lengths))


def test_a_recording_of_ninety_minutes_takes_the_memory_of_a_short_one() -> None:
    def minutes(n: int) -> Iterator[np.ndarray]:
        pattern = np.concatenate([sound(7), silence(0.4), sound(40), silence(6), sound(6.6)])
        for _ in range(n):
            yield pattern

    def peak(n: int) -> tuple[int, float]:
        tracemalloc.start()
        end = 0.0
        for item in cut(minutes(n), LoudIsSpeech(), Cutting()):
            end = item.seconds if isinstance(item, Heard) else item.end
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, end

    (short, _), (long, end) = peak(2), peak(90)
    assert end == pytest.approx(90 * 60, abs=1)
    assert long < 1.2 * short < 60e6
