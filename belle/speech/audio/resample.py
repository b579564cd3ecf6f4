"""Changes the sampling rate by windowed-sinc interpolation, a block at a time.

An output sample at the time t (in input samples) is Σₖ x[k] · c · sinc(c · (t − k)) · w(t − k), with the cutoff c as a
share of the input's Nyquist frequency and a Kaiser window w (Smith, "Digital Audio Resampling Home Page"). Where the
rate is reduced, c is below 1, so that what the new rate cannot hold is removed and does not come back as other tones.
"""

from __future__ import annotations

from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from belle.speech.audio.wav import Samples

_ZERO_CROSSINGS = 16  # of the sinc, on either side
_ROLL_OFF = 0.92  # of the Nyquist frequency; the window needs the rest to fall
_BETA = 8.6  # of the Kaiser window: what lies beyond is 85 dB weaker
_MOST_PHASES = 1024
_ROWS = 4096  # outputs computed at once


class Resampler:
    """Turns blocks of samples of one rate into blocks of another; together they are as if made in one go.

    Args:
        rate: of the input, in Hz.
        target: of the output, in Hz.
    """

    def __init__(self, rate: int, target: int) -> None:
        common = gcd(rate, target)
        self._rate, self._target = rate // common, target // common
        self._cutoff = min(1.0, target / rate) * _ROLL_OFF
        self._half = ceil(_ZERO_CROSSINGS / self._cutoff)
        # Zeros stand for what was before the beginning.
        self._held: Samples = np.zeros(self._half, np.float32)
        self._first = -self._half  # the index of the first held sample in the whole input
        self._n_in = self._n_out = 0
        self._kernels = self._all_kernels()

    def push(self, block: Samples) -> Samples:
        """The output that the input so far determines."""
        if self._rate == self._target:
            return block
        self._n_in += len(block)
        self._held = np.concatenate([self._held, block])
        return self._outputs_before(self._n_in - self._half)

    def finish(self) -> Samples:
        """The rest of the output, after the last block."""
        if self._rate == self._target:
            return np.zeros(0, np.float32)
        self._held = np.concatenate([self._held, np.zeros(self._half + 1, np.float32)])
        return self._outputs_before(self._n_in)

    def _outputs_before(self, end: int) -> Samples:
        """The outputs whose time is before the input sample `end`, from the first that was not computed yet."""
        n_end = max(self._n_out, -(-end * self._target // self._rate))
        parts = [self._outputs(n, min(n + _ROWS, n_end)) for n in range(self._n_out, n_end, _ROWS)]
        self._n_out = n_end
        needed = n_end * self._rate // self._target - self._half + 1  # the first input sample of the next output
        if needed > self._first:
            self._held, self._first = self._held[needed - self._first :], needed
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _outputs(self, start: int, end: int) -> Samples:
        times = np.arange(start, end, dtype=np.int64) * self._rate
        whole, rest = times // self._target, times % self._target
        first = whole - self._half + 1 - self._first
        windows = sliding_window_view(self._held, 2 * self._half)[first]  # [outputs, taps]
        if self._target <= _MOST_PHASES:
            kernels = self._kernels[rest]  # [outputs, taps]
        else:
            # Between two of the phases the kernel is nearly straight: an error of (π/1024)²/8 = 10⁻⁶.
            place = rest * (_MOST_PHASES / self._target)
            phase = place.astype(np.int64)
            part = (place - phase).astype(np.float32)[:, None]
            kernels = self._kernels[phase] * (1 - part) + self._kernels[phase + 1] * part
        result: Samples = np.einsum("ij,ij->i", windows, kernels)
        return result

    def _all_kernels(self) -> NDArray[np.float32]:
        """Row p has the weights of the 2 · half input samples around a time p/phases after the sample half − 1."""
        phases = min(self._target, _MOST_PHASES)
        offsets = np.arange(phases + 1)[:, None] / phases + (self._half - 1) - np.arange(2 * self._half)[None, :]
        inside = np.clip(1 - (offsets / self._half) ** 2, 0, None)
        window = np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA)
        kernels = self._cutoff * np.sinc(self._cutoff * offsets) * window
        # Each row adds up to 1: a constant stays exactly that.
        rows: NDArray[np.float32] = (kernels / kernels.sum(axis=1, keepdims=True)).astype(np.float32)
        return rows
