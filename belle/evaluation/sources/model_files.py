"""What identifies a model in a report, without running it: hashes, size, type."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from belle.errors import KnownError
from belle.gguf.reader import read_header, split_parts
from belle.path_guard import open_input

_WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A GGUF, or the folder of a checkpoint. Sizes in bytes; `bits_per_weight` of the tensors alone, 0 if unknown."""

    path: Path
    architecture: str
    quantization: str
    size: int
    n_params: int
    bits_per_weight: float
    paths: tuple[Path, ...] = field(repr=False)

    @property
    def is_checkpoint(self) -> bool:
        """Whether transformers has to run it."""
        return self.path.is_dir()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file. Raises KnownError("file_missing")."""
        return {path.name: sha256(path) for path in self.paths}


def model_files(path: Path) -> ModelFiles:
    """Read a GGUF's header, or look into a checkpoint's folder. Raises KnownError as `read_header`."""
    if path.is_dir():
        return _checkpoint(path)
    header = read_header(path)
    n_bytes = sum(tensor.n_bytes for tensor in header.tensors)
    known = all(tensor.n_bytes for tensor in header.tensors)
    return ModelFiles(
        path,
        header.architecture,
        header.quantization,
        header.size_bytes,
        header.n_params,
        8 * n_bytes / header.n_params if known and header.n_params else 0.0,
        tuple(split_parts(path)),
    )


def sha256(path: Path) -> str:
    """Of a file's content. Raises KnownError("file_missing")."""
    try:
        with open_input(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise KnownError("file_missing", f"{path} cannot be read: {error.strerror}.", path=str(path)) from None


def files_digest(hashes: Mapping[str, str]) -> str:
    """One SHA-256 of the SHA-256 of several files, whatever their names."""
    return hashlib.sha256("".join(sorted(hashes.values())).encode()).hexdigest()


def _checkpoint(folder: Path) -> ModelFiles:
    weights = next((files for pattern in _WEIGHTS if (files := sorted(folder.glob(pattern)))), [])
    config = folder / "config.json"
    if not weights or not config.is_file():
        raise KnownError(
            "not_a_model",
            f"{folder} holds no checkpoint: config.json and *.safetensors or *.bin are expected.",
            "Name a GGUF file, or the folder of a checkpoint as Hugging Face saves it.",
            path=str(folder),
        )
    return ModelFiles(folder, "", "", sum(file.stat().st_size for file in weights), 0, 0.0, (config, *weights))
