"""Writes everything of a Whisper file but the weights. Its reader, `belle.gguf.whisper_file`, shares no code with this.

Little endian. Head: magic, eleven numbers, the mel filter bank, the tokens. Then every tensor: the number of
dimensions, the length of its name, its type; dimensions with the contiguous one first; name; data, without padding.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.gguf.types import FileType
from belle.gguf.whisper_file import is_whisper_file, read_whisper
from convert.output.file_format import FileFormat, FileFrame
from convert.plan.plan import TensorPlan
from convert.whisper.mel import mel_filters
from convert.whisper.table import WhisperDimensions

WHISPER_FILE = FileFormat("Whisper", is_whisper_file, lambda path: read_whisper(path).tensors)

_MAGIC = 0x67676D6C


def head(sizes: WhisperDimensions, kind: FileType, vocabulary: Sequence[bytes]) -> bytes:
    """Everything before the first tensor.

    Args:
        sizes: of the model.
        kind: the file type, with ggml's number.
        vocabulary: the bytes of the ordinary tokens, by id.
    """
    filters = mel_filters(sizes.n_mels)
    numbers = (
        sizes.n_vocab,
        sizes.n_audio_ctx,
        sizes.n_embd,
        sizes.n_head,
        sizes.n_layer,
        sizes.n_ctx,
        sizes.n_embd,
        sizes.n_text_head,
        sizes.n_text_layer,
        sizes.n_mels,
        kind.number,
    )
    parts = [
        struct.pack("<I11i", _MAGIC, *numbers),
        struct.pack("<2i", *filters.shape),
        filters.astype("<f4").tobytes(),
    ]
    parts.append(struct.pack("<i", len(vocabulary)))
    parts += [struct.pack("<i", len(token)) + token for token in vocabulary]
    return b"".join(parts)


def tensor_header(name: str, shape: Sequence[int], kind: GGMLType) -> bytes:
    """What stands before the data of a tensor; `shape` in numpy's order."""
    raw = name.encode("ascii")
    return struct.pack(f"<3i{len(shape)}i", len(shape), len(raw), int(kind), *reversed(shape)) + raw


def whisper_frame(start: bytes, plans: Sequence[TensorPlan]) -> FileFrame:
    """The frame of a file that begins with `start`, from the plan of its tensors."""
    pieces = [(0, start)]
    for plan in plans:
        header = tensor_header(plan.name, plan.shape, plan.type)
        pieces.append((plan.offset - len(header), header))
    return FileFrame(tuple(pieces), 0, plans[-1].offset + plans[-1].n_bytes)
