"""Reads and checks the header of a GGUF: for the window, the catalogue and the memory estimate.

Only the header is read, in a few milliseconds, without llama.cpp. Each way in which a file can be wrong has its kind of
`KnownError`: `file_missing`, `is_a_folder`, `no_permission`, `unreadable`, `empty_file`, `not_gguf`,
`old_version`, `future_version`, `truncated`, `damaged`, `split_part`, `split_incomplete`.

Code that needs more than the header, such as a quantizer, opens a `belle.gguf.mapped_file.GgufFile`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from belle.errors import KnownError
from belle.gguf.constants import FILE_TYPES, TENSOR_TYPES
from belle.gguf.cursor import Cursor, Skipped, Value, truncated
from belle.texts import short_repr

VERSION = 3
_MAGIC = b"GGUF"
_OLDEST_VERSION = 2
_MAX_ENTRIES = 65_536
_MAX_DIMENSIONS = 4
_MAX_ELEMENTS = 1 << 44
_DEFAULT_ALIGNMENT = 32
_SPLIT_NAME = re.compile(r"^(?P<prefix>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf$")
# Files that people open by mistake, by their first bytes.
_OTHER_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"lmgg", "a GGML file of the first months of llama.cpp, which today's llama.cpp no longer reads"),
    (b"fmgg", "a GGML file of the first months of llama.cpp, which today's llama.cpp no longer reads"),
    (b"tjgg", "a GGML file of the first months of llama.cpp, which today's llama.cpp no longer reads"),
    (b"PK\x03\x04", "a ZIP archive, such as a PyTorch checkpoint"),
    (b"\x80\x02", "a PyTorch checkpoint"),
    (b"version https://git-lfs", "a Git LFS pointer: the real file was not downloaded"),
    (b"<", "a web page: the download saved an error or login page instead of the file"),
)


_POOLING_TYPES = (1, 2, 3)  # enum llama_pooling_type: mean, first token, last token; 0 is none, 4 is a reranker's


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A row of a GGUF's table of tensors.

    `shape` is in numpy's order, `[out_features, in_features]`; `type` is ggml's number; `start` counts bytes from the
    beginning of its file; `n_bytes` is 0 for a type that is newer than this program.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    start: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of a GGUF, of all its parts together when it is split. Sizes in bytes, contexts in tokens.

    Numbers that the file does not state are 0, texts "". `kv_elements_per_token` is the number of values in the KV
    cache per token; `n_vocab` the number of rows of the token embedding. `tensors` are in the order of the file,
    `skipped` are the arrays of the metadata that were not read.
    """

    path: Path
    version: int
    architecture: str
    name: str
    quantization: str
    license: str
    chat_template: str
    n_tensors: int
    n_params: int
    size_bytes: int
    n_parts: int
    n_ctx_train: int
    n_layers: int
    n_embd: int
    n_ff: int
    n_heads: int
    n_kv_heads: int
    head_size: int
    n_vocab: int
    kv_elements_per_token: int
    bos_id: int | None
    eos_id: int | None
    metadata: Mapping[str, Value] = field(repr=False)
    tensors: tuple[StoredTensor, ...] = field(repr=False)
    skipped: Mapping[str, Skipped] = field(repr=False)

    @property
    def makes_embeddings(self) -> bool:
        """Whether it is an embedding model: the file states how the vectors of a text's tokens become one."""
        return _number(self.metadata, f"{self.architecture}.pooling_type") in _POOLING_TYPES


def read_header(path: str | Path) -> GgufHeader:
    """Read and check the header of `path`; of all parts, when it is the first part of a split GGUF.

    Raises KnownError, see the module.
    """
    path = Path(path)
    parts = [read_part(part) for part in (path, *_other_parts(path))]
    return _describe(path, parts)


def is_gguf(path: Path) -> bool:
    """Whether the file begins like a GGUF. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_strings(header: GgufHeader, key: str, indexes: Iterable[int]) -> dict[int, str]:
    """Some strings of an array in the metadata, such as `tokenizer.ggml.tokens`, by index, without reading the others.

    Indexes that the array does not have are left out. Raises KnownError, see the module.
    """
    array = header.skipped.get(key)
    if array is None or not array.of_text:
        return {}
    try:
        with header.path.open("rb") as file:
            cursor = Cursor(file, os.fstat(file.fileno()).st_size, header.path.name)
            return cursor.strings_at(array, indexes, key)
    except OSError as error:
        what = f"cannot be read ({error})"
        raise _unusable("unreadable", header.path, what, "Is its disk still connected?") from None


@dataclass(slots=True)
class GgufPart:
    """The header of one file, possibly of a split model. `types` are GGUF's types of the values of `metadata`."""

    version: int
    size: int
    metadata: dict[str, Value]
    types: Mapping[str, int]
    n_tensors: int = 0
    n_params: int = 0
    n_vocab: int = 0
    tensors: list[StoredTensor] = field(default_factory=list)
    skipped: Mapping[str, Skipped] = field(default_factory=dict)


def read_part(path: Path, *, whole: bool = False) -> GgufPart:
    """Read and check the header of this file alone; `whole` as of `Cursor`. Raises KnownError, see the module."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _unusable("is_a_folder", path, "is a folder, not a file", "Choose a .gguf file inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise _unusable("not_gguf", path, "is not a regular file", "Choose a .gguf file.")
        with path.open("rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, path, whole=whole)
    except FileNotFoundError:
        raise _unusable("file_missing", path, "does not exist", "Was it moved or deleted?") from None
    except PermissionError:
        raise _unusable("no_permission", path, "may not be read by you", "Change its permissions.") from None
    except (OSError, ValueError) as error:
        raise _unusable("unreadable", path, f"cannot be read ({error})", "Is its disk still connected?") from None


def _read(file: BinaryIO, size: int, path: Path, *, whole: bool) -> GgufPart:
    if size == 0:
        raise _unusable("empty_file", path, "is empty", "Download or copy it again.")
    cursor = Cursor(file, size, path.name, whole=whole)
    _check_magic(cursor, size, path)
    version = _check_version(cursor, path)
    n_tensors, n_entries = cursor.u64(), cursor.u64()
    if n_entries > _MAX_ENTRIES or n_tensors > _MAX_ENTRIES:
        raise cursor.damaged(f"it claims {n_tensors} tensors and {n_entries} metadata entries")
    part = GgufPart(version, size, metadata={}, types=cursor.types, n_tensors=n_tensors)
    for _ in range(n_entries):
        key = cursor.string("a metadata key")
        part.metadata[key] = cursor.value(key)
    part.skipped = cursor.skipped
    _read_tensors(cursor, part, path)
    return part


def _check_magic(cursor: Cursor, size: int, path: Path) -> None:
    start = cursor.take(min(size, 32))
    cursor.position = min(size, 4)
    if start.startswith(_MAGIC):
        return
    if _MAGIC.startswith(start):
        raise truncated(path.name, size, 24)
    other = next((what for magic, what in _OTHER_FORMATS if start.startswith(magic)), None)
    if other is None and start[8:9] == b"{":
        other = "a safetensors checkpoint"
    what = f"is not a GGUF but {other}" if other else "is not a GGUF: it does not begin with “GGUF”"
    raise _unusable("not_gguf", path, what, "Choose a .gguf file, or convert the checkpoint to one.")


def _check_version(cursor: Cursor, path: Path) -> int:
    version = cursor.u32()
    if version & 0xFFFF == 0 and version:  # 3 in the other byte order is 0x03000000
        raise cursor.damaged("its numbers are in the wrong byte order (big-endian)")
    if version < _OLDEST_VERSION:
        raise _unusable("old_version", path, f"is a GGUF of version {version}", "Convert the checkpoint again.")
    if version > VERSION:
        raise KnownError(
            "future_version",
            f"{path.name} is a GGUF of version {version}; this program reads versions up to {VERSION}.",
            "Update ChatBELLE, or convert the checkpoint with it.",
            path=str(path),
            version=version,
            supported=VERSION,
        )
    return version


def _read_tensors(cursor: Cursor, part: GgufPart, path: Path) -> None:
    """Read the table of tensors, and check that the file is long enough for all of them. Raises KnownError."""
    alignment = part.metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise cursor.damaged(f"its alignment is {short_repr(alignment)}, which is not a power of two")
    end = 0
    for _ in range(part.n_tensors):
        name = cursor.string("the name of a tensor")
        dimensions = cursor.u32()
        if dimensions > _MAX_DIMENSIONS:
            raise cursor.damaged(f"tensor {short_repr(name)} has {dimensions} dimensions")
        shape = [cursor.u64() for _ in range(dimensions)]  # ggml's order: columns first
        kind, offset = cursor.u32(), cursor.u64()
        if offset % alignment:
            raise cursor.damaged(f"tensor {short_repr(name)} begins at {offset}, not at a multiple of {alignment}")
        elements = 1
        for length in shape:
            elements *= length
        if elements > _MAX_ELEMENTS:
            raise cursor.damaged(f"tensor {short_repr(name)} claims {elements} elements")
        size = _tensor_bytes(cursor, name, kind, shape, elements)
        end = max(end, offset + size)
        part.n_params += elements
        part.tensors.append(StoredTensor(name, tuple(reversed(shape)), kind, offset, size))
        if name == "token_embd.weight" and dimensions == 2:
            part.n_vocab = shape[1]
    data = -(-cursor.position // alignment) * alignment
    if end and data + end > part.size:
        raise truncated(path.name, part.size, data + end)
    part.tensors = [replace(tensor, start=data + tensor.start) for tensor in part.tensors]


def _tensor_bytes(cursor: Cursor, name: str, kind: int, shape: list[int], elements: int) -> int:
    """The size of a tensor in bytes; 0 for a type that is newer than this program, which llama.cpp may know."""
    if kind not in TENSOR_TYPES:
        return 0
    stored = TENSOR_TYPES[kind]
    if shape and shape[0] % stored.block_size:
        raise cursor.damaged(
            f"tensor {short_repr(name)} has rows of {shape[0]} elements, not whole blocks of {stored.name}"
        )
    return elements // stored.block_size * stored.block_bytes


def split_parts(path: Path) -> list[Path]:
    """The file, or by their names all parts of a split model, in order."""
    match = _SPLIT_NAME.match(path.name)
    if match is None:
        return [path]
    prefix, parts = match["prefix"], int(match["parts"])
    return [path.with_name(f"{prefix}-{number:05d}-of-{parts:05d}.gguf") for number in range(1, parts + 1)]


def _other_parts(path: Path) -> list[Path]:
    match = _SPLIT_NAME.match(path.name)
    if match is None or int(match["parts"]) < 2:
        return []
    part, parts = int(match["part"]), int(match["parts"])
    names = [one.name for one in split_parts(path)]
    if part != 1:
        message = f"{path.name} is part {part} of a model in {parts} parts."
        raise KnownError("split_part", message, f"Open the first part, {names[0]}.", path=str(path), first=names[0])
    missing = [name for name in names if not (path.parent / name).exists()]
    if missing:
        message = f"{path.name} is the first of {parts} parts, and {len(missing)} of them are missing: {missing[0]}."
        advice = "Download the missing parts into the same folder."
        raise KnownError("split_incomplete", message, advice, path=str(path), missing=missing)
    return [path.parent / name for name in names[1:]]


def _describe(path: Path, parts: list[GgufPart]) -> GgufHeader:
    first = parts[0]
    metadata = first.metadata
    architecture = _text(metadata, "general.architecture")
    if not architecture:
        message = f"{path.name} is damaged: it does not say which architecture it holds."
        raise KnownError("damaged", message, "Download or convert it again.", path=str(path))

    def number(key: str) -> int:
        return _number(metadata, f"{architecture}.{key}") or 0

    n_layers, n_embd, n_heads = number("block_count"), number("embedding_length"), number("attention.head_count")
    head_size = number("attention.key_length") or (n_embd // n_heads if n_heads else 0)
    value_size = number("attention.value_length") or head_size
    kv_heads = _per_layer(metadata.get(f"{architecture}.attention.head_count_kv"), n_layers, default=n_heads)
    return GgufHeader(
        path=path,
        version=first.version,
        architecture=architecture,
        name=_text(metadata, "general.name") or _text(metadata, "general.basename") or path.stem,
        quantization=_quantization(parts),
        license=_text(metadata, "general.license"),
        chat_template=_text(metadata, "tokenizer.chat_template"),
        n_tensors=sum(p.n_tensors for p in parts),
        n_params=sum(p.n_params for p in parts),
        size_bytes=sum(p.size for p in parts),
        n_parts=len(parts),
        n_ctx_train=number("context_length"),
        n_layers=n_layers,
        n_embd=n_embd,
        n_ff=number("feed_forward_length"),
        n_heads=n_heads,
        n_kv_heads=max(kv_heads, default=0),
        head_size=head_size,
        n_vocab=max(p.n_vocab for p in parts),
        kv_elements_per_token=sum(kv_heads) * (head_size + value_size),
        bos_id=_number(metadata, "tokenizer.ggml.bos_token_id"),
        eos_id=_number(metadata, "tokenizer.ggml.eos_token_id"),
        metadata=metadata,
        tensors=tuple(tensor for p in parts for tensor in p.tensors),
        skipped=first.skipped,
    )


def _quantization(parts: list[GgufPart]) -> str:
    """The file type that the metadata states, else the tensor type of most bytes."""
    stated = _number(parts[0].metadata, "general.file_type")
    if stated in FILE_TYPES:
        return FILE_TYPES[stated]
    total: dict[int, int] = {}
    for part in parts:
        for tensor in part.tensors:
            total[tensor.type] = total.get(tensor.type, 0) + tensor.n_bytes
    largest = max(total, key=lambda kind: total[kind], default=None)
    return TENSOR_TYPES[largest].name if largest in TENSOR_TYPES else ""


def _text(metadata: Mapping[str, Value], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) else ""


def _number(metadata: Mapping[str, Value], key: str) -> int | None:
    value = metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32 else None


def _per_layer(value: Value, n_layers: int, *, default: int) -> list[int]:
    """A number for each layer; the metadata has one for all, or an array."""
    n_layers = min(n_layers, _MAX_ENTRIES)
    if isinstance(value, tuple):
        return [int(v) for v in value[:n_layers] if not isinstance(v, str) and 0 <= v < 1 << 32]
    return [value if isinstance(value, int) and 0 <= value < 1 << 32 else default] * n_layers


def _unusable(kind: str, path: Path, what: str, advice: str) -> KnownError:
    return KnownError(kind, f"{path.name or path} {what}.", advice, path=str(path))
