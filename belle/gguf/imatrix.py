"""Importance matrices: the mean square of each input column of each matrix, measured on text.

llama.cpp writes them as GGUF files (sums of squared activations, and the number of tokens in the sums); formerly as
`.dat` files. Quantizers weigh rounding errors by the mean squares.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from gguf.constants import GGUFValueType
from numpy.typing import NDArray

from belle.durable import write_bytes
from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from belle.gguf.reader import is_gguf
from belle.gguf.writer import KeyValue, TensorInfo, serialize
from belle.path_guard import open_input

_LONGEST = 2 << 30
"""Bytes. The file has four bytes per input column of each matrix of the model, and is read as a whole."""

_SUMS, _COUNTS = ".in_sum2", ".counts"


@dataclass(frozen=True)
class Activations:
    """The measurement of one matrix.

    Attributes:
        sums: sum of squares of every input column, `[columns]` (or `[experts, columns]`).
        counts: tokens summed over, `[1]` or `[experts]`.
    """

    sums: NDArray[np.float32]
    counts: NDArray[np.float32]


@dataclass(frozen=True)
class Imatrix:
    """An importance matrix as quantizers use it.

    Attributes:
        weights: mean square of every input column by tensor name, `[columns]`.
        datasets: names of the texts it was measured on.
        n_chunks: windows of text.
        path: the file it came from.
    """

    weights: Mapping[str, NDArray[np.float32]]
    datasets: Sequence[str] = ()
    n_chunks: int = 0
    path: Path | None = None

    def metadata(self) -> list[KeyValue]:
        """The metadata that llama.cpp's quantizer writes about it into the quantized file."""
        text, number = GGUFValueType.STRING, GGUFValueType.UINT32
        entries = [KeyValue("quantize.imatrix.file", self.path.name, text)] if self.path else []
        if self.datasets:
            entries.append(KeyValue("quantize.imatrix.dataset", self.datasets[0], text))
        entries.append(KeyValue("quantize.imatrix.entries_count", len(self.weights), number))
        if self.n_chunks > 0:
            entries.append(KeyValue("quantize.imatrix.chunks_count", self.n_chunks, number))
        return entries


def read_imatrix(path: Path) -> Imatrix:
    """Read either format. Raises KnownError when the file is neither, is damaged, or has values that are not finite."""
    try:
        size = path.stat().st_size
        if size > _LONGEST:
            raise _damaged(path, f"it has {size:,} bytes, more than that of any model")
        imatrix = _read_gguf(path) if is_gguf(path) else _read_dat(path)
    except OSError as error:
        raise KnownError("unreadable", f"{path} cannot be read: {error.strerror}.", path=str(path)) from error
    for name, weights in imatrix.weights.items():
        if not np.isfinite(weights).all():
            raise _damaged(path, f"{name} has a value that is not a finite number")
    if not imatrix.weights:
        raise _damaged(path, "it has no entries")
    return imatrix


def write_imatrix(
    path: Path, activations: Mapping[str, Activations], *, datasets: Sequence[str], n_chunks: int, chunk_size: int
) -> None:
    """Write the GGUF format that llama.cpp's own tools read and merge. `chunk_size` is in tokens.

    Raises KnownError ("disk_full", "folder_not_writable"); `path` is then unchanged.
    """
    metadata = [
        KeyValue("general.type", "imatrix", GGUFValueType.STRING),
        KeyValue("imatrix.datasets", list(datasets), GGUFValueType.STRING),
        KeyValue("imatrix.chunk_count", n_chunks, GGUFValueType.UINT32),
        KeyValue("imatrix.chunk_size", chunk_size, GGUFValueType.UINT32),
    ]
    layout = _Layout()
    for name in sorted(activations, key=str.encode):  # in the order of llama.cpp, which compares bytes
        entry = activations[name]
        n_matrices = entry.counts.size
        layout.add(f"{name}{_SUMS}", entry.sums.reshape(n_matrices, -1))
        layout.add(f"{name}{_COUNTS}", entry.counts.reshape(n_matrices, 1))
    write_bytes(path, serialize(metadata, layout.infos) + bytes(layout.data))


@dataclass
class _Layout:
    infos: list[TensorInfo] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def add(self, name: str, values: NDArray[np.float32]) -> None:
        self.infos.append(TensorInfo(name, values.shape, GGMLType.F32, len(self.data)))
        raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
        self.data += raw + bytes(-len(raw) % 32)


def _damaged(path: Path, why: str) -> KnownError:
    return KnownError(
        "bad_imatrix", f"{path} is not an importance matrix that can be used: {why}.", "Make it again.", path=str(path)
    )


def _read_gguf(path: Path) -> Imatrix:
    file = GgufFile(path)
    if not {"imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"} <= file.metadata.keys():
        raise _damaged(path, "the GGUF file has no imatrix metadata")
    weights = {}
    for name, info in file.tensors.items():
        if not name.endswith(_SUMS):
            continue
        counts_name = name.removesuffix(_SUMS) + _COUNTS
        counts_info = file.tensors.get(counts_name)
        if counts_info is None or {info.type, counts_info.type} != {GGMLType.F32}:
            raise _damaged(path, f"{name} has no matching counts")
        sums = np.array(file.data(name).view("<f4"))
        counts = np.rint(file.data(counts_name).view("<f4"))
        if counts.size == 0 or sums.size % counts.size:
            raise _damaged(path, f"{name} and its counts do not fit")
        sums = sums.reshape(counts.size, -1)
        with np.errstate(all="ignore"):  # an expert without tokens gets equal weights; other values are checked later
            means = np.where(counts[:, None] > 0, sums / counts[:, None], np.float32(1))
        weights[name.removesuffix(_SUMS)] = means.astype(np.float32).reshape(-1)
    datasets = file.metadata["imatrix.datasets"]
    chunks = file.metadata["imatrix.chunk_count"]
    if not isinstance(datasets, list) or not isinstance(chunks, int):
        raise _damaged(path, "its metadata has the wrong types")
    return Imatrix(weights, [str(name) for name in datasets], chunks, path)


def _read_dat(path: Path) -> Imatrix:
    with open_input(path) as file:
        return _parse_dat(path, file, os.fstat(file.fileno()).st_size)


def _parse_dat(path: Path, file: BinaryIO, size: int) -> Imatrix:
    """The old format: a number of entries, each with name, number of calls and values; then chunks and dataset name.

    All numbers are int32, values float32, and strings and values are stored after their number.
    """

    def take(n: int) -> bytes:
        if not 0 <= n <= size - file.tell():
            raise _damaged(path, "it ends early or is not such a file")
        return file.read(n)

    def number() -> int:
        return int(struct.unpack("<i", take(4))[0])

    weights: dict[str, NDArray[np.float32]] = {}
    n_entries = number()
    if n_entries < 1:
        raise _damaged(path, "it has no entries")
    for _ in range(n_entries):
        name = take(number()).decode("utf-8", errors="replace")
        n_calls, n_values = number(), number()
        if n_values < 1:
            raise _damaged(path, f"{name} has no values")
        values = np.frombuffer(take(4 * n_values), dtype="<f4").astype(np.float32)
        weights[name] = values / np.float32(n_calls) if n_calls > 0 else values
    n_chunks, datasets = 0, []
    if file.tell() < size:
        n_chunks = number()
        if file.tell() < size:
            datasets = [take(number()).decode("utf-8", errors="replace")]
    return Imatrix(weights, datasets, n_chunks, path)
