"""The mel filter bank that Whisper hears through, computed: whisper.cpp reads it from the model's file.

Slaney's scale (Auditory Toolbox, 1998) is linear below 1000 Hz and logarithmic above; each triangle has an area of 1,
in Hz. The same numbers as librosa's and transformers' `mel_filter_bank(norm="slaney", mel_scale="slaney")`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.whisper.numbers import SAMPLE_RATE

N_FFT = 400
"""Samples in a window of the spectrogram: 25 ms."""

_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27  # 27 mels from 1000 to 6400 Hz


def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """The weights of the frequencies in each band, `[n_mels, N_FFT / 2 + 1]`."""
    frequencies = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    top = _BREAK_MEL + np.log(SAMPLE_RATE / 2 / _BREAK_HZ) / _LOG_STEP
    corners = _to_hz(np.linspace(0, top, n_mels + 2))
    widths = np.diff(corners)
    distances = corners[:, None] - frequencies[None, :]  # [n_mels + 2, frequencies]
    rising = -distances[:-2] / widths[:-1, None]
    falling = distances[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    area = 2 / (corners[2:] - corners[:-2])
    filters: NDArray[np.float32] = (triangles * area[:, None]).astype(np.float32)
    return filters


def _to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mels - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, mels * _HZ_PER_MEL, above)
