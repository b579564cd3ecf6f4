"""A GGUF with all of its metadata, for writing it again, and its tensors' bytes as views of the file.

The header is read by `belle.gguf.reader`, which trusts no number in it. The tensors are mapped: when the file is cut
short meanwhile, the process is killed (SIGBUS). So a file that may still be downloading is read by the reader alone.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from gguf.constants import GGUFValueType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf.cursor import truncated
from belle.gguf.reader import StoredTensor, read_part
from belle.gguf.writer import KeyValue
from belle.texts import short_repr


@dataclass(frozen=True, slots=True)
class MappedTensor(StoredTensor):
    """A tensor of a type that ggml can compute with."""

    type: GGMLType


class GgufFile:
    """An open GGUF file, mapped as long as something refers to it.

    Attributes:
        path: the file.
        metadata: values by key; arrays are lists.
        entries: the same with their types, in the order of the file.
        tensors: by name, in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        """Raises KnownError: what `read_part` raises, "damaged" for tensors that are empty or of unknown types."""
        header = read_part(path, whole=True)
        self.path = path
        self.metadata: dict[str, Any] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in header.metadata.items()
        }
        self.entries = [KeyValue(key, value, GGUFValueType(header.types[key])) for key, value in self.metadata.items()]
        self.tensors = {tensor.name: self._typed(tensor) for tensor in header.tensors}
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._bytes) < header.size:
            raise truncated(path.name, len(self._bytes), header.size)

    def data(self, name: str) -> NDArray[np.uint8]:
        """The stored bytes of a tensor, as a view of the file."""
        tensor = self.tensors[name]
        return np.frombuffer(self._bytes, dtype=np.uint8, count=tensor.n_bytes, offset=tensor.start)

    def _typed(self, tensor: StoredTensor) -> MappedTensor:
        try:
            kind = GGMLType(tensor.type)
        except ValueError:
            raise self._damaged(f"{short_repr(tensor.name)} has the unknown type {tensor.type}") from None
        if not tensor.shape or not tensor.n_bytes:
            raise self._damaged(f"{short_repr(tensor.name)} is empty")
        return MappedTensor(tensor.name, tensor.shape, kind, tensor.start, tensor.n_bytes)

    def _damaged(self, why: str) -> KnownError:
        message = f"{self.path.name} is damaged: {why}."
        return KnownError("damaged", message, "Download or convert it again.", path=str(self.path))
