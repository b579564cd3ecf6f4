"""Reads and checks the files that whisper.cpp reads: ggml's format from before GGUF, without metadata.

Layout, little endian: the magic `lmgg`; eleven numbers of 32 bits (`WhisperSizes`); the mel filter bank (rows, columns,
float32 values); the tokens (their number, then each as its length and bytes); tensors to the end of the file (number of
dimensions, length of the name, type; dimensions with the contiguous one first; name; data without padding).

Nothing says how many tensors follow, so a file that is cut off between two tensors is known by their number alone. The
magic is that of all old ggml files, such as the first LLaMA conversions and the Silero voice detector, so numbers that
no Whisper has are taken for another kind of file.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from belle.errors import KnownError
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.cursor import Cursor, truncated
from belle.gguf.reader import StoredTensor
from belle.texts import short_repr

MAGIC = b"lmgg"
"""0x67676d6c, the letters “ggml”, as a little-endian number."""

MULTILINGUAL_TOKENS = 51865
"""Rows of the embedding from which on whisper.cpp takes a model for multilingual."""

FTYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "IQ2_XXS",
    16: "IQ2_XS",
    17: "IQ3_XXS",
    18: "IQ1_S",
    19: "IQ4_NL",
    20: "IQ3_S",
    21: "IQ2_S",
    22: "IQ4_XS",
    23: "IQ1_M",
    24: "BF16",
    25: "MXFP4",
}
"""By ggml's number of a file type, which is not llama.cpp's: the type of every matrix."""

_QUANTIZATION_FACTOR = 1000
_NUMBERS = 11
_MOST_TOKENS = _MOST_POSITIONS = 1 << 20
_MOST_LAYERS = 512
_WIDEST = 1 << 16
_MOST_FILTERS = 1 << 20
_LONGEST_TOKEN = 1 << 16
_LONGEST_NAME = 128
_MAX_DIMENSIONS = 3
_MAX_ELEMENTS = 1 << 40
# Outside the blocks: positions, two convolutions and a norm of the encoder; positions, embedding and norm of the
# decoder. In a block: three norms or two, attention (the key has no bias), two linear layers.
_TENSORS, _TENSORS_OF_ENCODER_BLOCK, _TENSORS_OF_DECODER_BLOCK = 11, 15, 24


class WhisperSizes(NamedTuple):
    """The numbers at the beginning of the file, in its order.

    Attributes:
        n_vocab: rows of the token embedding.
        n_audio_ctx: positions of the encoder; 1500 are 30 seconds.
        n_audio_state, n_audio_head, n_audio_layer: width, attention heads and blocks of the encoder.
        n_text_ctx: positions of the decoder, in tokens.
        n_text_state, n_text_head, n_text_layer: width, attention heads and blocks of the decoder.
        n_mels: bands of the spectrogram.
        ftype: ggml's number of the file type + 1000 · the version of the quantized blocks.
    """

    n_vocab: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int
    n_mels: int
    ftype: int

    @property
    def type(self) -> str:
        """The type of the matrices, such as `Q5_0`; "" for an unknown number."""
        return FTYPES.get(self.ftype % _QUANTIZATION_FACTOR, "")

    @property
    def n_languages(self) -> int:
        """Languages that it was trained for: 99 or 100, or 1 for the English models."""
        return self.n_vocab - MULTILINGUAL_TOKENS + 99 if self.n_vocab >= MULTILINGUAL_TOKENS else 1

    @property
    def n_tensors(self) -> int:
        """Tensors of a model of this shape."""
        return _TENSORS + _TENSORS_OF_ENCODER_BLOCK * self.n_audio_layer + _TENSORS_OF_DECODER_BLOCK * self.n_text_layer


@dataclass(frozen=True, slots=True)
class WhisperHeader:
    """What a file of whisper.cpp says.

    Attributes:
        path: of the file.
        size_bytes: of the file.
        sizes: of the model.
        n_tokens: texts of tokens in the file; whisper.cpp adds the special ones itself.
        tensors: in the order of the file.
    """

    path: Path
    size_bytes: int
    sizes: WhisperSizes
    n_tokens: int
    tensors: tuple[StoredTensor, ...]


def is_whisper_file(path: Path) -> bool:
    """Whether the file begins with the magic of whisper.cpp's files. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_whisper(path: Path) -> WhisperHeader:
    """Read and check everything but the weights, in some hundredths of a second.

    Raises KnownError: `file_missing`, `no_permission`, `unreadable`, `is_a_folder`, `empty_file`, `not_whisper`,
    `truncated`, `damaged`.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _unusable("is_a_folder", path, "is a folder, not a file", "Choose a file inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise _unusable("not_whisper", path, "is not a regular file", "Choose a Whisper file (.bin).")
        with path.open("rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, path)
    except FileNotFoundError:
        raise _unusable("file_missing", path, "does not exist", "Was it moved or deleted?") from None
    except PermissionError:
        raise _unusable("no_permission", path, "may not be read by you", "Change its permissions.") from None
    except OSError as error:
        raise _unusable("unreadable", path, f"cannot be read ({error})", "Is its disk still connected?") from None


def _read(file: BinaryIO, size: int, path: Path) -> WhisperHeader:
    if size == 0:
        raise _unusable("empty_file", path, "is empty", "Download or copy it again.")
    cursor = Cursor(file, size, path.name)
    start = cursor.take(min(size, len(MAGIC)))
    if start != MAGIC:
        if MAGIC.startswith(start):
            raise truncated(path.name, size, len(MAGIC) + 4 * _NUMBERS)
        raise _not_whisper(path)
    sizes = WhisperSizes._make(cursor.u32() for _ in range(_NUMBERS))
    if not _is_possible(sizes):
        raise _not_whisper(path)
    _skip_filters(cursor, n_mels=sizes.n_mels)
    n_tokens = _skip_tokens(cursor, n_vocab=sizes.n_vocab)
    return WhisperHeader(path, size, sizes, n_tokens, _read_tensors(cursor, size, sizes.n_tensors))


def _is_possible(sizes: WhisperSizes) -> bool:
    """Whether a Whisper can have these numbers; other files with the same magic have others."""
    limited = [
        (_MOST_TOKENS, sizes.n_vocab),
        *((_MOST_POSITIONS, n) for n in (sizes.n_audio_ctx, sizes.n_text_ctx)),
        *((_WIDEST, n) for n in (sizes.n_audio_state, sizes.n_audio_head, sizes.n_text_head, sizes.n_mels)),
        *((_MOST_LAYERS, n) for n in (sizes.n_audio_layer, sizes.n_text_layer)),
    ]
    return (
        all(0 < n <= most for most, n in limited)
        and sizes.n_audio_state == sizes.n_text_state
        and sizes.ftype < _QUANTIZATION_FACTOR * 10
        and bool(sizes.type)
    )


def _skip_filters(cursor: Cursor, *, n_mels: int) -> None:
    rows, columns = cursor.u32(), cursor.u32()
    if rows != n_mels:
        raise cursor.damaged(f"it has {n_mels} mel bands and filters for {rows}")
    if not 0 < rows * columns <= _MOST_FILTERS:
        raise cursor.damaged(f"its filter bank claims to be {rows} × {columns}")
    cursor.skip(4 * rows * columns)


def _skip_tokens(cursor: Cursor, *, n_vocab: int) -> int:
    n_tokens = cursor.u32()
    if n_tokens > n_vocab:
        raise cursor.damaged(f"it claims {n_tokens} tokens for an embedding of {n_vocab} rows")
    for number in range(n_tokens):
        length = cursor.u32()
        if length > _LONGEST_TOKEN:
            raise cursor.damaged(f"token {number} claims to be {length} bytes long")
        cursor.skip(length)
    return n_tokens


def _read_tensors(cursor: Cursor, size: int, expected: int) -> tuple[StoredTensor, ...]:
    tensors: dict[str, StoredTensor] = {}
    while cursor.position < size:
        tensor = _read_tensor(cursor)
        if tensor.name in tensors:
            raise cursor.damaged(f"it holds tensor {short_repr(tensor.name)} twice")
        tensors[tensor.name] = tensor
        if len(tensors) > expected:
            raise cursor.damaged(f"it holds more than the {expected} tensors of its layers")
    if len(tensors) < expected:
        raise KnownError(
            "truncated",
            f"{cursor.name} is incomplete: it holds {len(tensors)} of {expected} tensors.",
            "Download or copy it again; an interrupted download leaves such a file behind.",
            path=cursor.name,
        )
    return tuple(tensors.values())


def _read_tensor(cursor: Cursor) -> StoredTensor:
    dimensions, length, kind = cursor.u32(), cursor.u32(), cursor.u32()
    if not 0 < dimensions <= _MAX_DIMENSIONS or not 0 < length <= _LONGEST_NAME:
        raise cursor.damaged(f"a tensor has {dimensions} dimensions and a name of {length} bytes")
    shape = [cursor.u32() for _ in range(dimensions)]  # ggml's order: columns first
    name = cursor.take(length).decode("utf-8", "replace")
    if kind not in TENSOR_TYPES:
        raise cursor.damaged(f"tensor {short_repr(name)} has the unknown type {kind}")
    stored, elements = TENSOR_TYPES[kind], 1
    for n in shape:
        elements *= n
    if not 0 < elements <= _MAX_ELEMENTS:
        raise cursor.damaged(f"tensor {short_repr(name)} claims {elements} elements")
    if shape[0] % stored.block_size:
        raise cursor.damaged(f"tensor {short_repr(name)} has rows of {shape[0]}, not whole blocks of {stored.name}")
    n_bytes = elements // stored.block_size * stored.block_bytes
    start = cursor.position
    cursor.skip(n_bytes)
    return StoredTensor(name, tuple(reversed(shape)), kind, start, n_bytes)


def _not_whisper(path: Path) -> KnownError:
    return _unusable(
        "not_whisper",
        path,
        "is not a Whisper file of whisper.cpp",
        "Take one such as ggml-base.bin, or convert a checkpoint with belle convert. (Other files of ggml from before "
        "GGUF begin alike.)",
    )


def _unusable(kind: str, path: Path, what: str, advice: str) -> KnownError:
    return KnownError(kind, f"{path.name or path} {what}.", advice, path=str(path))
