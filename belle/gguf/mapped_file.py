"""Reading a GGUF file: metadata and tensors, every number checked against the size of the file.

Files come from strangers, so a count or a length is believed only after the bytes it promises are known to be there.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGUFValueType
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf.writer import KeyValue

_MAGIC = b"GGUF"
_NUMBERS = {
    GGUFValueType.UINT8: "<B",
    GGUFValueType.INT8: "<b",
    GGUFValueType.UINT16: "<H",
    GGUFValueType.INT16: "<h",
    GGUFValueType.UINT32: "<I",
    GGUFValueType.INT32: "<i",
    GGUFValueType.UINT64: "<Q",
    GGUFValueType.INT64: "<q",
    GGUFValueType.FLOAT32: "<f",
    GGUFValueType.FLOAT64: "<d",
    GGUFValueType.BOOL: "<?",
}
_MAX_DIMENSIONS = 4
# The largest vocabularies have some 260,000 tokens, each with a text, a score and a type, and as many merges.
_MAX_VALUES = 5_000_000


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file: shape in numpy order, `start` in bytes from the beginning of the file."""

    name: str
    shape: tuple[int, ...]
    type: GGMLType
    start: int
    n_bytes: int


def is_gguf(path: Path) -> bool:
    """True when the file begins like a GGUF file. Raises OSError."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


class GgufFile:
    """An open GGUF file.

    Attributes:
        path: the file.
        metadata: values by key; arrays are lists.
        entries: the same with their types, in the order of the file.
        tensors: what is stored, by name, in the order of the file.
        data_start: where the data section begins, in bytes.
    """

    def __init__(self, path: Path) -> None:
        """Read the head. Raises KnownError when the file is damaged or no GGUF file, OSError when it is unreadable."""
        self.path = path
        with path.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise self._damaged("it does not begin with “GGUF”")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 4
        self._values_left = _MAX_VALUES
        version = self._number(GGUFValueType.UINT32)
        if version not in (2, 3):
            raise self._damaged(f"version {version} is not known")
        n_tensors, n_entries = self._number(GGUFValueType.UINT64), self._number(GGUFValueType.UINT64)
        self._count(n_tensors + n_entries)
        self.entries = [self._entry() for _ in range(n_entries)]
        self.metadata: dict[str, Any] = {entry.key: entry.value for entry in self.entries}
        table = [self._tensor() for _ in range(n_tensors)]
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise self._damaged("its alignment is not a number")
        self.data_start = -(-self._at // alignment) * alignment
        self.tensors = {info.name: self._placed(info) for info in table}

    def data(self, name: str) -> NDArray[np.uint8]:
        """The stored bytes of a tensor, as a view of the file."""
        info = self.tensors[name]
        return np.frombuffer(self._bytes, dtype=np.uint8, count=info.n_bytes, offset=info.start)

    def _damaged(self, why: str) -> KnownError:
        return KnownError(
            "bad_gguf",
            f"{self.path} is not a complete GGUF file: {why}.",
            "Fetch or make it again.",
            path=str(self.path),
        )

    def _take(self, n: int) -> bytes:
        if n > len(self._bytes) - self._at:
            raise self._damaged("it ends early")
        self._at += n
        return self._bytes[self._at - n : self._at]

    def _number(self, kind: GGUFValueType) -> Any:
        form = _NUMBERS[kind]
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _text(self) -> str:
        return self._take(self._number(GGUFValueType.UINT64)).decode("utf-8", errors="surrogateescape")

    def _kind(self) -> GGUFValueType:
        number = self._number(GGUFValueType.UINT32)
        try:
            return GGUFValueType(number)
        except ValueError:
            raise self._damaged(f"metadata of the unknown type {number}") from None

    def _entry(self) -> KeyValue:
        key, kind = self._text(), self._kind()
        if kind is GGUFValueType.STRING:
            return KeyValue(key, self._text(), kind)
        if kind is not GGUFValueType.ARRAY:
            return KeyValue(key, self._number(kind), kind)
        element, count = self._kind(), self._number(GGUFValueType.UINT64)
        self._count(count)
        if element is GGUFValueType.ARRAY:
            raise self._damaged("an array of arrays")
        if element is GGUFValueType.STRING:
            return KeyValue(key, [self._text() for _ in range(count)], element)
        form = _NUMBERS[element]
        raw = self._take(count * struct.calcsize(form))
        return KeyValue(key, [value for (value,) in struct.iter_unpack(form, raw)], element)

    def _count(self, n_values: int) -> None:
        """Pay for values from the budget of the file: in memory each takes several times its bytes."""
        self._values_left -= n_values
        if self._values_left < 0:
            raise self._damaged(f"its head holds more than {_MAX_VALUES:,} values")

    def _tensor(self) -> StoredTensor:
        name = self._text()
        n_dimensions = self._number(GGUFValueType.UINT32)
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            raise self._damaged(f"{name} has {n_dimensions} dimensions")
        shape = tuple(reversed([int(self._number(GGUFValueType.UINT64)) for _ in range(n_dimensions)]))
        number, offset = self._number(GGUFValueType.UINT32), self._number(GGUFValueType.UINT64)
        try:
            kind = GGMLType(number)
        except ValueError:
            raise self._damaged(f"{name} has the unknown type {number}") from None
        weights, size = GGML_QUANT_SIZES[kind]
        n = 1
        for length in shape:
            n *= length
        if shape[-1] % weights:
            raise self._damaged(f"{name} has rows that do not divide into blocks")
        return StoredTensor(name, shape, kind, offset, n // weights * size)

    def _placed(self, info: StoredTensor) -> StoredTensor:
        start = self.data_start + info.start
        if start + info.n_bytes > len(self._bytes):
            raise self._damaged(f"{info.name} lies beyond its end")
        return StoredTensor(info.name, info.shape, info.type, start, info.n_bytes)
