"""Serializes the header of a GGUF file: metadata and the table of tensors.

gguf-py's writer also holds the tensors and writes a file in one go. Here the header is made separately, so that the
file can be laid out before any weight is read, and the header written again once the digests of the inputs are known.
Layout: github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3, little endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gguf.constants import GGUF_MAGIC, GGUF_VERSION, GGUFValueType
from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError
from belle.texts import visible

ALIGNMENT = 32
"""Bytes: the data section and every tensor in it begin at a multiple of this."""

_FORMAT = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.FLOAT64: "d",
    GGUFValueType.BOOL: "?",
}


@dataclass(frozen=True)
class KeyValue:
    """One entry of the metadata; a list as `value` becomes an array whose elements have `type`."""

    key: str
    value: Any
    type: GGUFValueType


@dataclass(frozen=True)
class TensorInfo:
    """One row of the table of tensors: shape in numpy order, offset from the start of the data section."""

    name: str
    shape: Sequence[int]
    type: GGMLType
    offset: int


def padded(n_bytes: int) -> int:
    """`n_bytes` rounded up to the alignment."""
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def serialize(metadata: Iterable[KeyValue], tensors: Iterable[TensorInfo]) -> bytes:
    """Everything before the data section, with the padding.

    magic, version, n_tensors u64, n_entries u64; entries (key, type u32, value); tensors (name, n_dimensions u32,
    dimensions u64, type u32, offset u64). Strings are stored after their length as u64.

    Raises KnownError("damaged_text") for a text with a lone surrogate (half of a character), which JSON allows and
    UTF-8 does not.
    """
    entries, infos = list(metadata), list(tensors)
    parts = [struct.pack("<IIQQ", GGUF_MAGIC, GGUF_VERSION, len(infos), len(entries))]
    for entry in entries:
        try:
            parts += [_text(entry.key), _value(entry)]
        except UnicodeEncodeError as error:
            raise KnownError(
                "damaged_text",
                f"The text for {visible(entry.key)} is damaged: character {error.start + 1} is half of one.",
                "Correct the checkpoint's JSON file that it comes from, or download that again.",
                key=entry.key,
            ) from error
    for info in infos:
        dimensions = list(reversed(info.shape))  # ggml writes the contiguous dimension first
        parts.append(_text(info.name))
        parts.append(struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, int(info.type), info.offset))
    head = b"".join(parts)
    return head + bytes(padded(len(head)) - len(head))


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", errors="surrogateescape")
    return struct.pack("<Q", len(raw)) + raw


def _value(entry: KeyValue) -> bytes:
    value, kind = entry.value, entry.type
    if isinstance(value, (list, tuple, np.ndarray)):
        start = struct.pack("<IIQ", int(GGUFValueType.ARRAY), int(kind), len(value))
        if kind is GGUFValueType.STRING:
            return start + b"".join(map(_text, value))
        return start + struct.pack(f"<{len(value)}{_FORMAT[kind]}", *value)
    if kind is GGUFValueType.STRING:
        return struct.pack("<I", int(kind)) + _text(value)
    return struct.pack(f"<I{_FORMAT[kind]}", int(kind), value)
