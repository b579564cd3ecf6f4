"""Reading the small files of a checkpoint: bounded, and with errors that name the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from belle.documents import DocumentError, parse_json
from belle.errors import KnownError
from belle.texts import read_input

MAX_FILE = 256 << 20
"""Bytes. The largest vocabularies (250,000 tokens with their merges) take about 20 MB."""


class TokenizerFolder(Protocol):
    """The parts of a checkpoint that its tokenizer is read from."""

    @property
    def folder(self) -> Path:
        """The folder of the checkpoint."""

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json."""

    @property
    def tokenizer_files(self) -> Mapping[str, Path]:
        """The small files that the checkpoint has, by name."""


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises KnownError("file_too_large") and those of `open_input`."""
    return read_input(path, longest=MAX_FILE)


def read_text(path: Path) -> str:
    """The file as UTF-8. Raises KnownError("damaged_tokenizer") and those of `read_bytes`."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is not UTF-8 text (byte {error.start})") from error


def read_object(path: Path | None) -> dict[str, Any]:
    """The JSON object in the file; {} without a file. Raises KnownError("damaged_tokenizer")."""
    if path is None:
        return {}
    try:
        value = parse_json(read_text(path))
    except DocumentError as error:
        raise damaged(path, f"it {error.message}") from error
    if not isinstance(value, dict):
        raise damaged(path, "it is not a JSON object")
    return value


def damaged(path: Path, reason: str) -> KnownError:
    """The error for a file whose content is not what it should be."""
    return KnownError(
        "damaged_tokenizer",
        f"{path.name} is damaged: {reason}.",
        "Download it again from where the checkpoint came from.",
        path=str(path),
    )


def unsupported(path: Path, what: str, advice: str = "") -> KnownError:
    """The error for a sound tokenizer that llama.cpp cannot reproduce."""
    return KnownError("unsupported_tokenizer", f"{path.name} {what}.", advice, path=str(path))
