"""A checkpoint: its tensors, its config.json and its tokenizer files, from a folder or a single file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from belle.errors import KnownError
from convert.checkpoint.discovery import Selection, select_in_folder, select_with
from convert.checkpoint.formats import reader_for
from convert.checkpoint.json_file import read_json_object
from convert.checkpoint.problems import shown, unreadable
from convert.checkpoint.tensor import CheckpointTensor
from convert.checkpoint.weights_file import WeightsFile

CONFIG_NAME = "config.json"
VOCABULARY_NAMES = ("tokenizer.model", "tokenizer.json", "vocab.json", "qwen.tiktoken")
"""One of these holds the vocabulary."""

TOKENIZER_NAMES = (
    *VOCABULARY_NAMES,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)
QUANTIZATION_NAMES = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")
"""Where AutoGPTQ, AutoAWQ and ModelOpt described their quantization before config.json did."""

SMALL_FILE_NAMES = (
    *TOKENIZER_NAMES,
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    *QUANTIZATION_NAMES,
)
"""Every file beside weights and config.json that is read."""

MORE_TEMPLATES = "additional_chat_templates"
"""The folder of chat templates beside the usual one, `NAME.jinja` each, as transformers writes them."""

_LONGEST_CONFIG = 4 << 20
_HASH_CHUNK = 4 << 20


class Checkpoint:
    """An open checkpoint. Use it as a context manager, or call `close()`.

    Attributes:
        folder: of the files.
        files: the weights files that are read.
        unused_files: weights files in the folder that are not read, such as a second copy in PyTorch's format.
        config: `config.json`; empty if there is none.
        tensors: every tensor by name.
        tokenizer_files: as `tokenizer_files` finds them.
        inputs: every file that is read, by its name in the folder: weights, config, tokenizer.
    """

    def __init__(self, folder: Path, selection: Selection) -> None:
        self.folder = folder
        self.files = selection.files
        self.unused_files = selection.unused
        self.tokenizer_files = tokenizer_files(folder)
        _refuse_dangling(folder / CONFIG_NAME)
        configs = [path for path in (folder / CONFIG_NAME,) if path.is_file()]
        self.config: dict[str, Any] = {}
        for path in configs:
            self.config = read_json_object(path, kind="bad_config", longest=_LONGEST_CONFIG)
        read = [*self.files, *configs, *self.tokenizer_files.values()]
        self.inputs = {path.relative_to(folder).as_posix(): path for path in read}
        self._open_files: list[WeightsFile] = []
        try:
            self.tensors: Mapping[str, CheckpointTensor] = MappingProxyType(self._read(selection))
        except BaseException:
            self.close()
            raise

    def sha256(self, *, threads: int | None = None, progress: Callable[[int], None] | None = None) -> dict[str, str]:
        """The SHA-256 of every input file by its name in the folder, in hexadecimal.

        Args:
            threads: files hashed at the same time; all processors if None.
            progress: called from those threads with the bytes hashed since the last call.

        Raises KnownError (`missing_file`, `unreadable`).
        """
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            digests = pool.map(lambda path: sha256_of(path, progress), self.inputs.values())
            return dict(zip(self.inputs, digests, strict=True))

    def close(self) -> None:
        """Close the weights files. Tensors cannot be read afterwards."""
        for file in self._open_files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, selection: Selection) -> dict[str, CheckpointTensor]:
        tensors: dict[str, CheckpointTensor] = {}
        for path in selection.files:
            file = WeightsFile(path)
            self._open_files.append(file)
            in_file = reader_for(file)(file)
            if selection.index is not None and selection.index_file is not None:
                _check_index(selection.index_file, path, selection.index[path.name], set(in_file))
            for name, tensor in in_file.items():
                if name in tensors:
                    raise _duplicate(tensors[name], tensor)
                tensors[name] = tensor
        return tensors


def open_checkpoint(path: Path) -> Checkpoint:
    """Open the checkpoint at `path`: a folder, one of its small files, a weights file, a shard, or an index of shards.

    Only headers are read. `config.json` and the tokenizer are looked for beside the weights. The rules for a folder
    with several weights files are in `convert.checkpoint.discovery`; safetensors win over PyTorch's format.

    Raises KnownError, each naming the file and, where there is one, the tensor:
        `missing_file`, `unreadable`, `dangling_link`, `no_weights`, `missing_shard`, `ambiguous_checkpoint`,
        `duplicate_tensor`, `bad_index`, `index_mismatch`, `bad_config`, `encrypted`, `is_gguf`, `lfs_pointer`,
        `empty_file`, `unknown_format`, `unsupported_format`, `truncated`, `overlong`, `bad_header`, `bad_zip`,
        `compressed_zip`, `damaged_file`, `hostile_pickle`, `unsupported_pickle`, `no_tensors`.
    """
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise unreadable(path, error) from error
    if path.name in (CONFIG_NAME, *SMALL_FILE_NAMES) and not is_folder and path.is_file():
        path, is_folder = path.parent, True
    if is_folder:
        return Checkpoint(path, select_in_folder(path))
    if path.suffix == ".enc":
        advice = "Reading it takes Meta's own LLaMA-1 7B file: belle convert --llama-weights PATH/consolidated.00.pth"
        raise KnownError("encrypted", f"{path.name} is encrypted.", advice, file=str(path))
    return Checkpoint(path.parent, select_with(path))


def tokenizer_files(folder: Path) -> dict[str, Path]:
    """The small files that a checkpoint has, by their names in it: of `SMALL_FILE_NAMES` and `MORE_TEMPLATES`.

    Raises KnownError("dangling_link") for a link whose target does not exist.
    """
    templates = sorted((folder / MORE_TEMPLATES).glob("[!.]*.jinja"))
    names = (*SMALL_FILE_NAMES, *(path.relative_to(folder).as_posix() for path in templates))
    for name in names:
        _refuse_dangling(folder / name)
    return {name: folder / name for name in names if (folder / name).is_file()}


def _refuse_dangling(path: Path) -> None:
    """Raise KnownError for a link without a target: taken as missing, another file or a default would be used."""
    if path.is_symlink() and not path.exists():
        raise unreadable(path, FileNotFoundError())


def _check_index(index_file: Path, shard: Path, listed: set[str], stored: set[str]) -> None:
    for names, where in ((listed - stored, "in the index, but not in the file"), (stored - listed, "not in the index")):
        if names:
            examples = shown(", ".join(sorted(names)[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            message = f"{shard.name} does not fit {index_file.name}: {where}: {examples}."
            advice = "Files of two versions were mixed, or one is damaged: download both again."
            details = {"file": str(shard), "index": str(index_file), "tensors": sorted(names)[:100]}
            raise KnownError("index_mismatch", message, advice, **details)


def _duplicate(first: CheckpointTensor, second: CheckpointTensor) -> KnownError:
    message = f"{first.file.name} and {second.file.name} both hold tensor {shown(first.name)}."
    advice = "They are two checkpoints, or parts of a parallel one: give the file you mean instead of the folder."
    return KnownError("duplicate_tensor", message, advice, files=[str(first.file), str(second.file)], tensor=first.name)


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal. `progress` is called with the number of bytes of each read.

    Raises KnownError("missing_file", "unreadable").
    """
    digest = hashlib.sha256()
    buffer = bytearray(_HASH_CHUNK)
    try:
        with path.open("rb", buffering=0) as stream:
            while n := stream.readinto(buffer):
                digest.update(memoryview(buffer)[:n])
                if progress is not None:
                    progress(n)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()
