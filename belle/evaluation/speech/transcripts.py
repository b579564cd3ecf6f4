"""Reads what is said in which recording: the transcripts that a model is compared with.

Two forms: JSON Lines with `audio` and `text`, and lines of a name, a space or tab, and the text, as AISHELL and Kaldi
write them. A name is that of a file in the folder of recordings, with or without its suffix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from belle.documents import parse_json_row
from belle.errors import KnownError
from belle.texts import read_text, short_repr


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what is said in it."""

    name: str
    audio: Path
    text: str


def read_clips(transcripts: Path, folder: Path) -> list[Clip]:
    """The clips of a file of transcripts, in its order.

    Raises KnownError: `data_wrong` with the line, `file_missing` for a recording that is not in the folder, and those
    of reading the file.
    """
    files = _files(folder)
    clips: dict[str, Clip] = {}
    for number, name, text in _rows(transcripts):
        where = f"{transcripts.name}, line {number}"
        audio = files.get(name)
        if audio is None:
            message = f"{where}: there is no recording {short_repr(name)} in {folder}."
            raise KnownError("file_missing", message, "Give the folder of the recordings as --audio.")
        if name in clips:
            raise KnownError("data_wrong", f"{where}: {short_repr(name)} is there twice.", "Remove one of the lines.")
        clips[name] = Clip(name, audio, text)
    if not clips:
        raise KnownError("data_wrong", f"{transcripts.name} has no lines.", "Give a file with transcripts.")
    return list(clips.values())


def clips_digest(clips: Iterable[Clip]) -> str:
    """What tells these clips from others: names, and sizes and times of the recordings."""
    facts = (f"{clip.name}\0{clip.audio.stat().st_size}\0{clip.audio.stat().st_mtime_ns}\n" for clip in clips)
    return hashlib.sha256("".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Number of the line, name and text."""
    for number, line in enumerate(read_text(path).lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        if line.lstrip().startswith("{"):
            yield number, *_json_row(line, f"{path.name}, line {number}")
        else:
            name, *rest = line.split(maxsplit=1)
            yield number, name, rest[0] if rest else ""


def _json_row(line: str, where: str) -> tuple[str, str]:
    try:
        row = parse_json_row(line)
    except ValueError as error:
        raise KnownError("data_wrong", f"{where} is not valid JSON: {error}.", "Correct the line.") from None
    audio, text = (row.get(key) if isinstance(row, dict) else None for key in ("audio", "text"))
    if not isinstance(audio, str) or not isinstance(text, str):
        raise KnownError("data_wrong", f"{where} has no “audio” and “text”.", "Give both, as texts.")
    return audio, text


def _files(folder: Path) -> Mapping[str, Path]:
    """The files below a folder by their path in it, by their name, and by both without suffix. A WAV file goes before
    others of its name."""
    files: dict[str, Path] = {}
    found = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(found, key=lambda path: (path.suffix.casefold() != ".wav", path)):
        inside = path.relative_to(folder)
        for name in (inside.as_posix(), inside.with_suffix("").as_posix(), path.name, path.stem):
            files.setdefault(name, path)
    return files
