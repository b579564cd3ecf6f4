"""Reads the safetensors format: an 8-byte header length, a JSON header, and the tensors' bytes without gaps.

The header comes from strangers, so every number in it is checked against the file before anything relies on it, by
the rules of the format (https://github.com/huggingface/safetensors): the ranges tile the rest of the file exactly, and
each is as long as its shape and data type say.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from belle.documents import DocumentError, parse_json
from convert.checkpoint.dtypes import DTYPES, RawDtype
from convert.checkpoint.problems import damaged, overlong, shown, truncated
from convert.checkpoint.tensor import CheckpointTensor, Placement, contiguous_strides
from convert.checkpoint.weights_file import WeightsFile

LENGTH_BYTES = 8
# About 70,000 tensors. The format allows 100 MB, which can become gigabytes of Python objects.
LONGEST_HEADER = 8 << 20
MOST_AXES = 32
# Positions in a file are 63-bit; the margin keeps products with an item size in that range.
MOST_VALUES = 1 << 58


def read_safetensors(file: WeightsFile) -> dict[str, CheckpointTensor]:
    """The tensors of a safetensors file by name, in the order of their bytes.

    Raises KnownError: `bad_header` (anything that contradicts the format), `truncated`, `overlong`, `unreadable`.
    """
    header, data_start = _header(file)
    # Sorted by their bytes: then each must begin where the one before it ends, so none can overlap or hide bytes.
    ranges = sorted(
        (_entry(file.path, name, entry) for name, entry in header.items() if name != "__metadata__"),
        key=lambda item: (item[2], item[3]),
    )
    tensors: dict[str, CheckpointTensor] = {}
    position = 0
    for name, (raw, shape), begin, end in ranges:
        if begin != position:
            relation = "overlaps the tensor before it" if begin < position else "leaves a gap before it"
            raise damaged(file.path, f"its byte range {begin}:{end} {relation}", tensor=name, kind="bad_header")
        if data_start + end > file.size:
            raise truncated(file.path, data_start + ranges[-1][3] - file.size, tensor=name)
        position = end
        placement = Placement(file, data_start + begin, contiguous_strides(shape))
        tensors[name] = CheckpointTensor(name, raw, shape, placement)
    if data_start + position < file.size:
        raise overlong(file.path, file.size - data_start - position)
    return tensors


def _header(file: WeightsFile) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(file.read(0, LENGTH_BYTES), "little")
    if length > LONGEST_HEADER:
        what = f"it claims a header of {length:,} bytes (at most {LONGEST_HEADER:,} are read)"
        raise damaged(file.path, what, kind="bad_header")
    text = file.read(LENGTH_BYTES, length)
    try:
        header = parse_json(text, unique_keys=True)
    except DocumentError as error:
        raise damaged(file.path, f"its header {error.message}", kind="bad_header") from error
    if not isinstance(header, dict):
        raise damaged(file.path, "its header is not a JSON object", kind="bad_header")
    return header, LENGTH_BYTES + length


def _entry(path: Path, name: str, entry: Any) -> tuple[str, tuple[RawDtype, tuple[int, ...]], int, int]:
    """One entry of the header as `(name, (dtype, shape), begin, end)`, checked on its own."""

    def wrong(what: str) -> Exception:
        return damaged(path, what, tensor=name, kind="bad_header")

    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise wrong("its name is not Unicode text") from error
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise wrong("its header entry does not consist of dtype, shape and data_offsets")
    spelling, sizes, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(spelling, str):
        raise wrong("its data type is not a name")
    raw = DTYPES.get(spelling.lower()) if spelling.isupper() else None
    if raw is None:
        raise wrong(f"unknown data type {shown(spelling)}")
    # A size of 0 counts as 1, so that it cannot hide impossible sizes beside it.
    if not _naturals(sizes) or len(sizes) > MOST_AXES or math.prod(max(size, 1) for size in sizes) > MOST_VALUES:
        raise wrong("its shape is not a list of plausible sizes")
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise wrong("its data_offsets are not a begin and an end")
    shape, (begin, end) = tuple(sizes), offsets
    if raw.byte_count(math.prod(shape)) != end - begin:
        raise wrong(f"{end - begin:,} bytes cannot hold shape {list(shape)} of {raw.name}")
    return name, (raw, shape), begin, end


def _naturals(value: Any) -> bool:
    """Whether `value` is a list of integers from 0 to 2**63 - 1 (and not of booleans)."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 63 for item in value)
