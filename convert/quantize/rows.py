"""Tensors of a GGUF as rows, and rounded tensors in a temporary file until the output is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.gguf import ggml
from belle.gguf.mapped_file import GgufFile, MappedTensor
from belle.gguf.types import FLOAT_TYPES, row_bytes
from convert.output.part_file import writing_model
from convert.quantize.formats import Bytes
from convert.rows.source import FloatName, RowSource

_NAMES: dict[GGMLType, FloatName] = {GGMLType.F32: "f32", GGMLType.F16: "f16", GGMLType.BF16: "bf16"}
_STORED: dict[FloatName, type[np.generic]] = {"f32": np.float32, "f16": np.float16, "bf16": np.uint16}


class GgufRows(RowSource):
    """A tensor of an open GGUF. Blocks are handed out as the float32 values that they stand for.

    Attributes:
        stored: its row in the file's table.
    """

    def __init__(self, file: GgufFile, stored: MappedTensor) -> None:
        self.name, self.shape, self.stored = stored.name, stored.shape, stored
        self.dtype = _NAMES.get(stored.type, "f32")
        # Where the same type is asked for, blocks are moved as they are.
        self.packed_type = None if stored.type in FLOAT_TYPES.values() else stored.type
        self._data = file.data(stored.name)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        if self.packed_type is None:
            return self._data.view(_STORED[self.dtype]).reshape(-1, self.row_length)[start:stop]
        blocks = np.ascontiguousarray(self.packed_rows(start, stop)).reshape(-1)
        return ggml.dequantize(self.stored.type, blocks, (stop - start) * self.row_length).reshape(-1, self.row_length)

    def packed_rows(self, start: int, stop: int) -> Bytes:
        return self._data.reshape(-1, row_bytes(self.stored.type, self.row_length))[start:stop]


class RoundedRows(RowSource):
    """A tensor whose blocks are chosen before the file is written; `rows` are those of the original.

    Args:
        original: what is rounded.
        kind: the type of the blocks.
        spool: where the blocks are stored.
    """

    def __init__(self, original: RowSource, kind: GGMLType, spool: Spool) -> None:
        self.name, self.shape, self.dtype, self.packed_type = original.name, original.shape, original.dtype, kind
        self.kind, self._original, self._spool = kind, original, spool
        self._row_bytes = row_bytes(kind, self.row_length)
        self._offset = spool.reserve(self.n_rows * self._row_bytes)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._original.rows(start, stop)

    def packed_rows(self, start: int, stop: int) -> Bytes:
        n_bytes = (stop - start) * self._row_bytes
        return self._spool.read(n_bytes, self._offset + start * self._row_bytes).reshape(stop - start, -1)

    def write(self, start: int, blocks: Bytes) -> None:
        """Store the blocks of the rows from `start` on. Raises KnownError (`disk_full`)."""
        self._spool.write(blocks, self._offset + start * self._row_bytes)


class Spool:
    """A nameless temporary file beside `path`: the system deletes it when the program ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises KnownError if it cannot be created."""
        self._path, self._size = path, 0
        with writing_model(path):
            self._file = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by `close`

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def reserve(self, n_bytes: int) -> int:
        """An offset with room for `n_bytes`."""
        self._size += n_bytes
        return self._size - n_bytes

    def write(self, data: Bytes, at: int) -> None:
        """Write all of `data`, from any thread. Raises KnownError."""
        view = np.ascontiguousarray(data).data.cast("B")
        with writing_model(self._path):
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                view, at = view[written:], at + written

    def read(self, n_bytes: int, at: int) -> Bytes:
        """`n_bytes` from `at`, from any thread. Raises KnownError."""
        with writing_model(self._path):
            return np.frombuffer(os.pread(self._file.fileno(), n_bytes, at), np.uint8)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
