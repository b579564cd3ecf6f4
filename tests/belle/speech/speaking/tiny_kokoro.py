"""A model with Kokoro's inputs and output that sounds each phoneme as a tone of its own, written without a library.

The protocol buffers of ONNX are a few nested messages: a field is its number and wire type, then a varint or bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

RATE = 24_000
SAMPLES = 480
"""Of one phoneme: 20 ms."""

_N_SYMBOLS = 178
_FLOAT, _INT64 = 1, 7


def write_kokoro(folder: Path, *, n_samples: int = SAMPLES) -> Path:
    """A model folder as published: `onnx/model.onnx` and two voices."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "voices").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(_model(n_samples))
    for seed, name in enumerate(("zf_tiny", "af_tiny")):
        style = np.random.default_rng(seed).normal(size=(510, 256)).astype("<f4")
        (folder / "voices" / f"{name}.bin").write_bytes(style.tobytes())
    return folder


def tone(symbol: int, n_samples: int = SAMPLES) -> np.ndarray:
    """The sound of a phoneme, by its number in the alphabet."""
    frequency = 200 + 40 * symbol
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(n_samples) / RATE)).astype(np.float32)


def heard(sound: np.ndarray) -> list[int]:
    """The numbers of the phonemes in a sound, by the frequency of each 20 ms."""
    pieces = sound[: len(sound) // SAMPLES * SAMPLES].reshape(-1, SAMPLES)
    peaks = np.abs(np.fft.rfft(pieces, n=RATE)).argmax(axis=1)
    return [round((peak - 200) / 40) for peak in peaks]


def _model(n_samples: int) -> bytes:
    table = np.stack([tone(symbol, n_samples) if symbol else np.zeros(n_samples) for symbol in range(_N_SYMBOLS)])
    graph = b"".join(
        (
            _field(1, _node("Gather", ("table", "input_ids"), "rows")),
            _field(1, _node("Reshape", ("rows", "flat"), "samples")),
            _field(1, _node("Mul", ("samples", "speed"), "waveform")),
            _field(2, b"tiny"),
            _field(5, _tensor("table", table.astype("<f4"), _FLOAT)),
            _field(5, _tensor("flat", np.array([-1], "<i8"), _INT64)),
            _field(11, _value("input_ids", _INT64, (1, None))),
            _field(11, _value("style", _FLOAT, (1, 256))),
            _field(11, _value("speed", _FLOAT, (1,))),
            _field(12, _value("waveform", _FLOAT, (None,))),
        )
    )
    opset = _field(1, b"") + _number(2, 13)
    return _number(1, 8) + _field(7, graph) + _field(8, opset)


def _varint(value: int) -> bytes:
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(operator: str, inputs: tuple[str, ...], output: str) -> bytes:
    return (
        b"".join(_field(1, name.encode()) for name in inputs)
        + _field(2, output.encode())
        + _field(4, operator.encode())
    )


def _tensor(name: str, values: np.ndarray, kind: int) -> bytes:
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, kind: int, shape: tuple[int | None, ...]) -> bytes:
    dims = b"".join(_field(1, _number(1, size) if size else _field(2, b"n")) for size in shape)
    tensor = _number(1, kind) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))
