"""PyTorch's format before 1.6: five pickles in a row, then every storage as a count and its values.

The same restricted `unpickler` reads the pickles. Files older than PyTorch 0.1.10 (tar archives) are recognised by
`formats` and refused.
"""

from __future__ import annotations

import io
from typing import Any

from convert.checkpoint.problems import damaged, overlong, shown, truncated, unsupported
from convert.checkpoint.tensor import CheckpointTensor
from convert.checkpoint.torch_tensors import TORCH_NAMES, Storage, StoragePlace, placed, state_dict_of, storage_from_id
from convert.checkpoint.unpickler import LONGEST_PICKLE, unpickle
from convert.checkpoint.weights_file import WeightsFile

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_MAGIC_BYTES = MAGIC_NUMBER.to_bytes(10, "little")
# Before it: PROTO with its version, perhaps FRAME with its length, LONG1 with its length.
_MAGIC_BYTES_AT = range(4, 14)
_PROTOCOL_VERSION = 1001
_COUNT_BYTES = 8


def is_torch_legacy(head: bytes) -> bool:
    """Whether a file that begins with `head` is one of these: a pickle of the magic number."""
    return head.startswith(b"\x80") and head.find(_MAGIC_BYTES, 0, 32) in _MAGIC_BYTES_AT


def read_torch_legacy(file: WeightsFile) -> dict[str, CheckpointTensor]:
    """The tensors of the state dict in a pre-1.6 file of `torch.save`, by name, in the order of the dict.

    Raises KnownError: `hostile_pickle`, `unsupported_pickle`, `no_tensors`, `damaged_file`, `truncated`, `overlong`,
    `unreadable`.
    """
    storages: dict[str, Storage] = {}

    def storage(identifier: Any) -> Storage:
        found = storage_from_id(identifier, legacy=True)
        return storages.setdefault(found.key, found)

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
        raise damaged(file.path, "its list of storages does not fit its tensors")
    places = _places(file, stream.tell(), keys, storages)
    return placed(file, state_dict_of(file.path, loaded), places)


def _places(file: WeightsFile, position: int, keys: list[str], storages: dict[str, Storage]) -> dict[str, StoragePlace]:
    """Where each storage begins, in the order in which they lie one after the other from `position`."""
    places: dict[str, StoragePlace] = {}
    for key in keys:
        storage = storages[key]
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
