"""Recognizes the format of a weights file by its first bytes, not by its name, and chooses the reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convert.checkpoint.problems import damaged, unsupported
from convert.checkpoint.safetensors import LENGTH_BYTES, read_safetensors
from convert.checkpoint.tensor import CheckpointTensor
from convert.checkpoint.torch_files import is_torch_legacy, read_torch_legacy, read_torch_zip
from convert.checkpoint.weights_file import WeightsFile
from convert.checkpoint.zip_directory import LOCAL_MAGIC

Reader = Callable[[WeightsFile], dict[str, CheckpointTensor]]

# The errors of `reader_for` for a sound file of another kind.
OTHER_FORMAT_KINDS = ("is_gguf", "unknown_format", "unsupported_format")

_HEAD_BYTES = 512


@dataclass(frozen=True)
class _Refused:
    """A format that is recognized but not read: `magic` at byte `at`, and the message."""

    magic: bytes
    kind: str
    what: str
    advice: str
    at: int = 0


_OLD_GGML = "this is a GGML file from before GGUF, whose weights are already quantized"
_FROM_SOURCE = "Convert from the checkpoint it was made from."
_REFUSED = (
    _Refused(
        b"GGUF",
        "is_gguf",
        "this is a GGUF file already, not a checkpoint",
        f"It can be used as it is. {_FROM_SOURCE}",
    ),
    *(_Refused(magic, "unsupported_format", _OLD_GGML, _FROM_SOURCE) for magic in (b"tjgg", b"fmgg", b"lmgg")),
    _Refused(
        b"version https://git-lfs",
        "lfs_pointer",
        "this is only a Git LFS pointer to the weights",
        "Fetch the weights themselves: git lfs pull.",
    ),
    _Refused(
        b"ustar",
        "unsupported_format",
        "this is a tar archive, PyTorch's format before 0.1.10",
        "Load it with an old PyTorch and save it again with torch.save.",
        at=257,
    ),
    _Refused(
        b"\x89HDF",
        "unsupported_format",
        "these are TensorFlow weights (HDF5)",
        "Give a checkpoint in safetensors or in PyTorch's format.",
    ),
    _Refused(
        b"\x80",
        "unsupported_format",
        "this is a bare pickle, not a PyTorch file",
        "Save its weights with torch.save or as safetensors.",
    ),
    *(
        _Refused(start, "unsupported_format", "this is a JSON file, not weights", "Give the folder that it lies in.")
        for start in (b"{", b"[")
    ),
    _Refused(
        b"",
        "unknown_format",
        "this is neither a safetensors nor a PyTorch file",
        "If it should be one, it is damaged: download it again and compare its size and sha256.",
    ),
)


def reader_for(file: WeightsFile) -> Reader:
    """The function that reads the tensors of `file`.

    Raises KnownError: `is_gguf`, `lfs_pointer`, `empty_file`, `unknown_format`, `unsupported_format`.
    """
    head = file.read(0, min(file.size, _HEAD_BYTES))
    if head.startswith(LOCAL_MAGIC):
        return read_torch_zip
    if is_torch_legacy(head):
        return read_torch_legacy
    if len(head) > LENGTH_BYTES and head[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{":
        return read_safetensors
    if not head:
        raise damaged(file.path, "the file is empty", kind="empty_file")
    # The order matters: the magic of the last entry is empty and matches everything.
    refused = next(one for one in _REFUSED if head[one.at :].startswith(one.magic))
    raise unsupported(file.path, refused.what, refused.advice, kind=refused.kind)
