"""Weights files put together byte by byte, sound or not, without the libraries that write them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAFETENSORS_NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
}

STORAGE_NAMES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}


def safetensors_of(header: Any, data: bytes) -> bytes:
    """A safetensors file with any header: a JSON value, or its bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def safetensors(tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None) -> bytes:
    """A sound safetensors file."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    data = b""
    for name, array in tensors.items():
        end = len(data) + array.nbytes
        dtype = SAFETENSORS_NAMES[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), end]}
        data += array.tobytes()
    return safetensors_of(header, data)


# Pickle instructions, named as in pickletools.


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def global_name(name: str) -> bytes:
    module, attribute = name.rsplit(".", 1)
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def call(name: str, *arguments: bytes) -> bytes:
    return global_name(name) + tuple_of(*arguments) + b"R"


def dict_of(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"}(" + b"".join(key + value for key, value in items) + b"u"


def program(value: bytes) -> bytes:
    """A whole pickle (protocol 2)."""
    return b"\x80\x02" + value + b"."


@dataclass
class TorchTensor:
    """A tensor as torch.save writes it; every part can be made wrong."""

    storage: str = "torch.FloatStorage"
    key: str = "0"
    n_values: int = 6
    offset: int = 0
    shape: tuple[int, ...] = (2, 3)
    strides: tuple[int, ...] = (3, 1)
    extra_id: list[bytes] = field(default_factory=list)

    def pickled(self) -> bytes:
        identifier = tuple_of(
            text("storage"),
            global_name(self.storage),
            text(self.key),
            text("cpu"),
            number(self.n_values),
            *self.extra_id,
        )
        return call(
            "torch._utils._rebuild_tensor_v2",
            identifier + b"Q",
            number(self.offset),
            tuple_of(*map(number, self.shape)),
            tuple_of(*map(number, self.strides)),
            b"\x89",
            call("collections.OrderedDict"),
        )


def state_dict(tensors: Mapping[str, TorchTensor]) -> bytes:
    return dict_of((text(name), tensor.pickled()) for name, tensor in tensors.items())


@dataclass
class ZipItem:
    """One entry of a zip file; the fields that differ from None or 0 replace the right values."""

    name: str
    data: bytes
    local_name: str | None = None
    method: int = 0
    flags: int = 0
    claimed_size: int | None = None
    header_offset: int | None = None


def zip_file(items: Iterable[ZipItem], *, zip64: bool = False, end_offset_shift: int = 0) -> bytes:
    """A zip file of stored entries, aligned to 64 bytes as torch.save aligns them."""
    out = bytearray()
    central = bytearray()
    n_items = 0
    for item in items:
        n_items += 1
        header_offset = len(out) if item.header_offset is None else item.header_offset
        size = len(item.data) if item.claimed_size is None else item.claimed_size
        local_name = (item.local_name or item.name).encode()
        padding = b"FB" + struct.pack("<H", n := -(len(out) + 30 + len(local_name) + 4) % 64) + b"Z" * n
        header = struct.pack("<5H3I2H", 0, item.flags, item.method, 0, 0, 0, 0, 0, len(local_name), len(padding))
        out += b"PK\x03\x04" + header + local_name + padding + item.data
        name = item.name.encode()
        narrow = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF) if zip64 else (size, size, header_offset)
        extra = struct.pack("<2H3Q", 1, 24, size, size, header_offset) if zip64 else b""
        central += b"PK\x01\x02" + struct.pack(
            "<6H3I5H2I", 0, 0, item.flags, item.method, 0, 0, 0, narrow[0], narrow[1],
            len(name), len(extra), 0, 0, 0, 0, narrow[2],
        )  # fmt: skip
        central += name + extra
    start = len(out) + end_offset_shift
    out += central
    end = struct.pack("<4H2IH", 0, 0, n_items, n_items, len(central), start, 0)
    if zip64:
        record = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 0, 0, 0, 0, n_items, n_items, len(central), start)
        locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(out), 1)
        out += record + locator
        end = struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(out + b"PK\x05\x06" + end)


def torch_zip_items(pickle: bytes, storages: Mapping[str, bytes], byteorder: str | None = "little") -> list[ZipItem]:
    items = [ZipItem("archive/data.pkl", pickle)]
    if byteorder is not None:
        items.append(ZipItem("archive/byteorder", byteorder.encode()))
    items += [ZipItem(f"archive/data/{key}", data) for key, data in storages.items()]
    return [*items, ZipItem("archive/version", b"3\n")]


def torch_zip_of(pickle: bytes, storages: Mapping[str, bytes], byteorder: str | None = "little") -> bytes:
    return zip_file(torch_zip_items(pickle, storages, byteorder))


def torch_tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, TorchTensor]:
    tensors = {}
    for key, (name, array) in enumerate(arrays.items()):
        strides = tuple(stride // array.itemsize for stride in array.strides)
        storage = f"torch.{STORAGE_NAMES[array.dtype.name]}"
        tensors[name] = TorchTensor(storage, str(key), array.size, 0, array.shape, strides)
    return tensors


def torch_zip(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A sound zip file of contiguous tensors, each with a storage of its own."""
    storages = {str(key): array.tobytes() for key, array in enumerate(arrays.values())}
    return torch_zip_of(program(state_dict(torch_tensors(arrays))), storages)


def torch_legacy_of(pickle: bytes, keys: list[str], data: bytes, *, little_endian: bool = True) -> bytes:
    system = dict_of(
        [(text("protocol_version"), number(1001)), (text("little_endian"), b"\x88" if little_endian else b"\x89")]
    )
    pickles = (number(0x1950A86A20F9469CFC6C), number(1001), system, pickle, b"](" + b"".join(map(text, keys)) + b"e")
    return b"".join(map(program, pickles)) + data


def torch_legacy(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A sound file of the format before PyTorch 1.6."""
    tensors = torch_tensors(arrays)
    for tensor in tensors.values():
        tensor.extra_id = [b"N"]
    keys = sorted(tensor.key for tensor in tensors.values())
    ordered = list(arrays.values())
    data = b"".join(ordered[int(key)].size.to_bytes(8, "little") + ordered[int(key)].tobytes() for key in keys)
    return torch_legacy_of(state_dict(tensors), keys, data)


def arrays() -> dict[str, NDArray[Any]]:
    """A few tensors of different types and shapes."""
    random = np.random.default_rng(1)
    return {
        "model.embed.weight": random.standard_normal((7, 4), np.float32),
        "model.norm.weight": random.standard_normal(4).astype(np.float16),
        "g_idx": np.arange(9, dtype=np.int32),
        "count": np.array(5, np.int64),
        "empty": np.empty((0, 3), np.float32),
    }
