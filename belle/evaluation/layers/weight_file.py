"""The weights of a GGUF as floats, some rows at a time, and the tensors that two files store differently."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf import ggml
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.reader import GgufHeader, StoredTensor, read_header
from belle.gguf.types import row_bytes

Floats = NDArray[np.float32]

_PIECE_WEIGHTS = 1 << 22
_BLOCK = re.compile(r"^blk\.(\d+)\.(.+)$")


class WeightFile:
    """A GGUF, mapped into memory as long as something refers to it.

    Raises KnownError: what `read_header` raises, "split_file".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: GgufHeader = read_header(path)
        if self.header.n_parts > 1:
            raise KnownError(
                "split_file",
                f"{path.name} is a model in {self.header.n_parts} files; --by-layer reads models in one.",
                "Join them with llama-gguf-split --merge.",
                path=str(path),
            )
        self.tensors = {tensor.name: tensor for tensor in self.header.tensors}
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def blocks(self, name: str) -> NDArray[np.uint8]:
        """The stored bytes of a tensor, a view of the file."""
        stored = self.tensors[name]
        return np.frombuffer(self._bytes, np.uint8, stored.n_bytes, stored.start)

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows `start:stop` of a matrix as floats, `[stop - start, columns]`."""
        stored = self.tensors[name]
        kind, columns = GGMLType(stored.type), stored.shape[-1]
        width = row_bytes(kind, columns)
        part = self.blocks(name)[start * width : stop * width]
        return to_floats(kind, part, (stop - start) * columns).reshape(stop - start, columns)


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor of both files: its type (ggml's name) in the reference and in the candidate, and its sizes there."""

    name: str
    shape: tuple[int, ...]
    reference: str
    candidate: str
    reference_bytes: int
    candidate_bytes: int

    @property
    def block(self) -> int | None:
        """The number of its transformer block; None outside of them."""
        match = _BLOCK.match(self.name)
        return int(match[1]) if match else None

    @property
    def role(self) -> str:
        """Its role in a block, such as `ffn_down`; outside of blocks its name without “.weight”."""
        match = _BLOCK.match(self.name)
        return (match[2] if match else self.name).removesuffix(".weight")

    @property
    def n_rows(self) -> int:
        """Rows of the matrix; of several matrices (experts), of all together."""
        return self.n_weights // self.shape[-1]

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape, dtype=np.int64))


def check_same_tensors(reference: WeightFile, candidate: WeightFile) -> None:
    """Raise KnownError("other_tensors") that names the first difference in architecture, names or shapes."""
    here, there = candidate.path.name, reference.path.name
    if candidate.header.architecture != reference.header.architecture:
        why = f"{here} is a {candidate.header.architecture} model, {there} a {reference.header.architecture} model"
        raise _other(why)
    for name, stored in candidate.tensors.items():
        if name not in reference.tensors:
            raise _other(f"{here} has a tensor {name}, {there} does not")
        shape = reference.tensors[name].shape
        if stored.shape != shape:
            raise _other(f"{name} has the shape {list(stored.shape)} in {here}, {list(shape)} in {there}")
    missing = next((name for name in reference.tensors if name not in candidate.tensors), None)
    if missing:
        raise _other(f"{there} has a tensor {missing}, {here} does not")


def differing(reference: WeightFile, candidate: WeightFile) -> list[Pair]:
    """The tensors whose stored bytes differ, in the order of the candidate.

    Raises KnownError("other_tensors") when the files do not hold the same tensors, "unknown_type" for a type of ggml's
    that is not known here.
    """
    check_same_tensors(reference, candidate)
    return [
        Pair(
            name,
            stored.shape,
            type_name(reference.tensors[name]),
            type_name(stored),
            reference.tensors[name].n_bytes,
            stored.n_bytes,
        )
        for name, stored in candidate.tensors.items()
        if stored.type != reference.tensors[name].type
        or not _same_bytes(reference.blocks(name), candidate.blocks(name))
    ]


def pieces(n_rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows to read at once: 16 MB of floats."""
    step = max(1, _PIECE_WEIGHTS // columns)
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


def to_floats(kind: GGMLType, blocks: NDArray[np.uint8], n: int) -> Floats:
    """The `n` values in contiguous `blocks` of any type."""
    if kind is GGMLType.F32:
        return blocks.view(np.float32)
    return ggml.dequantize(kind, blocks, n)


def type_name(stored: StoredTensor) -> str:
    """`Q4_0`. Raises KnownError("unknown_type")."""
    known = TENSOR_TYPES.get(stored.type)
    if known is None or not stored.n_bytes:
        raise KnownError(
            "unknown_type",
            f"{stored.name} has the unknown type {stored.type}.",
            "Update ChatBELLE.",
            tensor=stored.name,
        )
    return known.name


def _same_bytes(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Compare piece by piece: numpy makes an array with a truth value for every byte."""
    return all(
        np.array_equal(one[start : start + _PIECE_WEIGHTS], other[start : start + _PIECE_WEIGHTS])
        for start in range(0, one.size, _PIECE_WEIGHTS)
    )


def _other(why: str) -> KnownError:
    return KnownError(
        "other_tensors",
        f"{why}: they cannot be compared by layer.",
        "--by-layer is for files that were made of the same checkpoint, by the same converter.",
    )
