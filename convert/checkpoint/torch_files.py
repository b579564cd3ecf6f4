"""Reads the files of `torch.save` without PyTorch: its zip format, and the format before PyTorch 1.6.

In the zip format the pickle `<archive>/data.pkl` describes tensors over the storages `<archive>/data/<key>`. The older
format is five pickles (magic number, version, system, tensors, keys of the storages), then every storage as a count and
its values. All pickles run in `unpickler`, which can build nothing but tensors; their bytes are then read in place.

Files older than PyTorch 0.1.10 (tar archives) are refused in `formats`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from convert.checkpoint.problems import damaged, overlong, shown, truncated, unsupported
from convert.checkpoint.tensor import CheckpointTensor
from convert.checkpoint.torch_tensors import TORCH_NAMES, Storage, StoragePlace, placed, state_dict_of, storage_from_id
from convert.checkpoint.unpickler import LONGEST_PICKLE, unpickle
from convert.checkpoint.weights_file import WeightsFile
from convert.checkpoint.zip_directory import ZipEntry, read_directory

_PICKLE = "/data.pkl"
_BYTE_ORDERS = {b"little": False, b"big": True}

# Of the format before 1.6.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_MAGIC_BYTES = MAGIC_NUMBER.to_bytes(10, "little")

# Before the magic number stand PROTO and its version, perhaps FRAME and its length, LONG1 and its length.
_MAGIC_BYTES_AT = range(4, 14)
_PROTOCOL_VERSION = 1001
_COUNT_BYTES = 8


def read_torch_zip(file: WeightsFile) -> dict[str, CheckpointTensor]:
    """The tensors of the state dict in a zip file of `torch.save`, by name, in the order of the dict.

    Raises KnownError: `hostile_pickle`, `unsupported_pickle`, `no_tensors`, `damaged_file`, `bad_zip`,
    `compressed_zip`, `truncated`, `unreadable`.
    """
    entries = read_directory(file)
    archive = _archive_name(file.path, entries)
    for name, listed in entries.items():
        if not listed.is_stored:
            what = f"its zip entry {shown(name)} is compressed or encrypted, as PyTorch never writes it"
            advice = "Unpack it and pack it again without compression: zip -0 -r."
            raise unsupported(file.path, what, advice, kind="compressed_zip")
    pickle = entries[archive + _PICKLE]
    if pickle.size > LONGEST_PICKLE:
        raise damaged(file.path, f"its data.pkl is {pickle.size:,} bytes long (at most {LONGEST_PICKLE:,} are read)")
    stream = io.BytesIO(file.read(pickle.offset, pickle.size))
    loaded = unpickle(stream, file.path, names=TORCH_NAMES, persistent=storage_from_id)
    views = state_dict_of(file.path, loaded)
    big_endian = _is_big_endian(file, entries.get(f"{archive}/byteorder"))
    places = {}
    for name, view in views.items():
        key = view.storage.key
        entry = entries.get(f"{archive}/data/{key}")
        if entry is None:
            raise damaged(file.path, f"its storage {shown(key)} is missing from the file", tensor=name)
        if entry.size != view.storage.n_bytes:
            what = f"its storage has {entry.size:,} bytes instead of {view.storage.n_bytes:,}"
            raise damaged(file.path, what, tensor=name)
        places[key] = StoragePlace(entry.offset, big_endian)
    return placed(file, views, places)


def _archive_name(path: Path, entries: dict[str, ZipEntry]) -> str:
    """The name of the archive's one top folder."""
    names = [name.removesuffix(_PICKLE) for name in entries if name.endswith(_PICKLE) and name.count("/") == 1]
    if len(names) != 1:
        advice = "Give a file that torch.save wrote."
        raise unsupported(path, "this zip file holds no PyTorch checkpoint", advice, kind="unknown_format")
    if f"{names[0]}/constants.pkl" in entries:
        advice = "Save its weights where PyTorch is installed: torch.save(torch.jit.load(file).state_dict(), file)."
        raise unsupported(path, "this is a TorchScript program, not a checkpoint", advice, kind="unsupported_pickle")
    return names[0]


def _is_big_endian(file: WeightsFile, entry: ZipEntry | None) -> bool:
    if entry is None:
        return False
    order = _BYTE_ORDERS.get(file.read(entry.offset, min(entry.size, 16)))
    if order is None:
        raise damaged(file.path, "its byteorder is neither little nor big")
    return order


def is_torch_legacy(head: bytes) -> bool:
    """Whether a file that begins with `head` has the format before 1.6: its first pickle is the magic number."""
    return head.startswith(b"\x80") and head.find(_MAGIC_BYTES, 0, 32) in _MAGIC_BYTES_AT


def read_torch_legacy(file: WeightsFile) -> dict[str, CheckpointTensor]:
    """The tensors of the state dict in a pre-1.6 file of `torch.save`, by name, in the order of the dict.

    Raises KnownError: `hostile_pickle`, `unsupported_pickle`, `no_tensors`, `damaged_file`, `truncated`, `overlong`,
    `unreadable`.
    """
    storages: dict[str, Storage] = {}

    def storage(identifier: Any) -> Storage:
        # Tensors that share a storage name it each time; the first stays.
        described = storage_from_id(identifier, legacy=True)
        return storages.setdefault(described.key, described)

    stream = io.BytesIO(file.read(0, min(file.size, LONGEST_PICKLE)))
    magic, version, system = (unpickle(stream, file.path, names={}) for _ in range(3))
    if magic != MAGIC_NUMBER or version != _PROTOCOL_VERSION or type(system) is not dict:
        raise damaged(file.path, "it does not begin like a PyTorch file")
    if system.get("little_endian") is not True:
        advice = "Load it with PyTorch on a machine like that and save it again."
        raise unsupported(file.path, "it was written by a big-endian machine", advice, kind="unsupported_pickle")
    loaded = unpickle(stream, file.path, names=TORCH_NAMES, persistent=storage)
    keys = unpickle(stream, file.path, names={})
    if type(keys) is not list or any(type(key) is not str for key in keys) or sorted(keys) != sorted(storages):
        raise damaged(file.path, "its list of storages does not match its tensors")
    places = _places(file, stream.tell(), keys, storages)
    return placed(file, state_dict_of(file.path, loaded), places)


def _places(file: WeightsFile, position: int, keys: list[str], storages: dict[str, Storage]) -> dict[str, StoragePlace]:
    """Where each storage begins; they follow one another from `position` in the order of `keys`."""
    places: dict[str, StoragePlace] = {}
    for key in keys:
        storage = storages[key]
        # The count is stored in front of the values; a wrong one means that the storages before had other sizes.
        n_values = int.from_bytes(file.read(position, _COUNT_BYTES), "little")
        if n_values != storage.n_values:
            raise damaged(file.path, f"storage {shown(key)} is not where it should be")
        places[key] = StoragePlace(position + _COUNT_BYTES)
        position += _COUNT_BYTES + storage.n_bytes
        if position > file.size:
            raise truncated(file.path, position - file.size)
    if position < file.size:
        raise overlong(file.path, file.size - position)
    return places
