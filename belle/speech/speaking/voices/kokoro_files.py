"""The files of a Kokoro model: the model, its voices, its alphabet, wherever a folder has them.

As published (onnx-community/Kokoro-82M-v1.0-ONNX): `onnx/model_*.onnx`, `voices/NAME.bin`, `tokenizer.json`. As the
program kokoro-onnx has them: `kokoro-*.onnx` and all voices in one `voices-*.bin` or `.npz`, an archive of NumPy.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.path_guard import open_input

_WIDTH = 256  # of a style vector
_MOST_ROWS = 4096
_LARGEST_VOICE = 4 * _WIDTH * _MOST_ROWS  # bytes
_MOST_MODELS = 100
# The smaller ones first: they are several times as fast on a processor, and sound alike.
_MODELS = ("*quantized*.onnx", "*int8*.onnx", "*q8*.onnx", "model.onnx", "*.onnx")
_LANGUAGES = {"a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}


@dataclass(frozen=True, slots=True)
class KokoroFiles:
    """Where a Kokoro model is.

    Args:
        model: the ONNX file.
        voices: the name of each voice → the file that has it, a `.bin` of its own or an archive of all.
        tokenizer: `tokenizer.json`; None where the alphabet of version 1.0 is to be used.
    """

    model: Path
    voices: dict[str, Path]
    tokenizer: Path | None


def find_kokoro(path: Path) -> KokoroFiles | None:
    """The model at `path`, a folder or its ONNX file; None where there is none with voices."""
    folder = path if path.is_dir() else path.parent
    if folder.name == "onnx":
        folder = folder.parent
    model = path if path.is_file() and path.suffix == ".onnx" else _model_in(folder)
    voices = _voices_in(folder) if model else {}
    if model is None or not voices:
        return None
    tokenizer = folder / "tokenizer.json"
    return KokoroFiles(model, voices, tokenizer if tokenizer.is_file() else None)


def installed_models(folder: Path) -> list[Path]:
    """The folders right inside `folder` that have a Kokoro model."""
    if not folder.is_dir():
        return []
    folders = sorted(child for child in folder.iterdir() if child.is_dir())[:_MOST_MODELS]
    return [child for child in folders if find_kokoro(child) is not None]


def voice_language(name: str) -> str:
    """The language of a voice by its name: `zf_xiaoxiao` is a Chinese (z) woman's (f)."""
    return _LANGUAGES.get(name[:1], "") if name[1:3] in ("f_", "m_") else ""


def read_style(files: KokoroFiles, name: str) -> NDArray[np.float32]:
    """The style vectors of a voice, `[phonemes, 256]`: row n is for n + 1 phonemes.

    Raises KnownError: `unknown_voice`, `damaged`.
    """
    path = files.voices.get(name)
    if path is None:
        there = ", ".join(sorted(files.voices))
        raise KnownError("unknown_voice", f"The voice model has no voice “{name}”.", f"It has {there}.")
    try:
        rows = _archived(path, name) if _is_archive(path) else np.frombuffer(_bytes(path), "<f4")
        style = np.ascontiguousarray(rows, np.float32).reshape(-1, _WIDTH)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise _damaged(path, str(error)) from None
    if len(style) == 0 or not np.isfinite(style).all():
        raise _damaged(path, "it has no numbers")
    return style


def _model_in(folder: Path) -> Path | None:
    for pattern in _MODELS:
        for place in (folder, folder / "onnx"):
            if files := sorted(file for file in place.glob(pattern) if file.is_file()):
                return files[0]
    return None


def _voices_in(folder: Path) -> dict[str, Path]:
    single = {file.stem: file for file in sorted((folder / "voices").glob("*.bin")) if file.is_file()}
    if single:
        return single
    for archive in sorted((*folder.glob("voices*.bin"), *folder.glob("voices*.npz"))):
        if archive.is_file() and _is_archive(archive):
            with zipfile.ZipFile(archive) as content:
                return {entry.removesuffix(".npy"): archive for entry in content.namelist() if entry.endswith(".npy")}
    return {}


def _is_archive(path: Path) -> bool:
    return zipfile.is_zipfile(path)


def _archived(path: Path, name: str) -> NDArray[np.float32]:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(f"{name}.npy").file_size > _LARGEST_VOICE:
            raise ValueError("it is too large")
    with np.load(path, allow_pickle=False) as content:
        voice: NDArray[np.float32] = content[name]
    return voice


def _bytes(path: Path) -> bytes:
    with open_input(path) as file:
        data = file.read(_LARGEST_VOICE + 1)
    if len(data) > _LARGEST_VOICE:
        raise ValueError("it is too large")
    return data


def _damaged(path: Path, why: str) -> KnownError:
    return KnownError("damaged", f"{path.name} cannot be used as a voice: {why}.", "Get it again.", path=str(path))
