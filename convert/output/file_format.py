"""What the writer and its verifier must know of a file format: everything around the weights, and who reads it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.gguf.reader import StoredTensor, is_gguf, read_header
from belle.gguf.writer import KeyValue, serialize
from convert.plan.plan import TensorPlan, data_size


@dataclass(frozen=True)
class FileFormat:
    """A format of model files.

    Attributes:
        name: in messages.
        recognizes: whether the beginning of a file is that of the format. Raises OSError.
        read_tensors: the tensors of a file, with their places, by a reader that shares no code with the writer. Raises
            KnownError.
    """

    name: str
    recognizes: Callable[[Path], bool]
    read_tensors: Callable[[Path], Sequence[StoredTensor]]


@dataclass(frozen=True)
class FileFrame:
    """All bytes of one file that are not weights.

    Attributes:
        pieces: offset in the file and bytes of each.
        data_start: the offsets of the plan count from here.
        size: bytes of the whole file.
    """

    pieces: tuple[tuple[int, bytes], ...]
    data_start: int
    size: int

    def fits(self, other: FileFrame) -> bool:
        """Whether both leave the same room for weights."""
        places = [[(at, len(piece)) for at, piece in frame.pieces] for frame in (self, other)]
        return places[0] == places[1] and (self.data_start, self.size) == (other.data_start, other.size)


GGUF = FileFormat("GGUF", is_gguf, lambda path: read_header(path).tensors)


def gguf_frame(metadata: Iterable[KeyValue], plans: Sequence[TensorPlan]) -> FileFrame:
    """The frame of a GGUF: one head with metadata and the table of tensors."""
    head = serialize(metadata, [plan.info for plan in plans])
    return FileFrame(((0, head),), len(head), len(head) + data_size(plans))
