"""Has a picture read by a process of its own (`reader_child`), within limits of memory and time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import belle
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.texts import read_input
from desktop.pictures.kinds import picture_format, unreadable
from desktop.store.records import StoredPicture

LARGEST = 64 << 20
"""Bytes of a file."""

LONGEST_S = 40.0
"""Seconds for one picture."""

_COMMAND = (sys.executable, "-P", "-m", "desktop.pictures.reader_child")


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """A picture as it is kept, with its file; `n_frames` is how many the file had, of which this is the first."""

    picture: StoredPicture
    n_frames: int = 1


def read_picture_file(path: Path) -> ReadPicture:
    """The picture in a file. Raises KnownError, those of `belle.path_guard` too."""
    return read_picture(read_input(path, longest=LARGEST), path.name)


def read_picture(content: bytes, name: str, *, longest_s: float = LONGEST_S) -> ReadPicture:
    """The picture in the content of a file.

    Raises KnownError: `picture_empty`, `picture_drawing`, `not_a_picture`, `picture_oversized`, `picture_damaged`,
    `picture_hangs`, `picture_reader_died`.
    """
    picture_format(content, name)  # what is no picture needs no process
    if len(content) > LARGEST:
        what = f"has more than {LARGEST >> 20} MB"
        raise unreadable("picture_oversized", name, what, "Save it smaller.")
    try:
        done = subprocess.run(
            [*_COMMAND, name.replace("\0", "")],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for this process alone
            timeout=longest_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise unreadable("picture_hangs", name, "takes too long to read", "Save it anew, or smaller.") from None
    return _answer(done.stdout, name)


def _answer(answer: bytes, name: str) -> ReadPicture:
    line, _, data = answer.partition(b"\n")
    try:
        said = parse_json_row(line)
        if "error" in said:
            raise KnownError.from_fields(said["error"])
        head = said["head"]
        n_frames = head.pop("n_frames")
        digest = hashlib.sha256(data).hexdigest()
        return ReadPicture(StoredPicture(digest, size=len(data), name=name, data=data, **head), n_frames)
    except (DocumentError, TypeError, KeyError):
        what = "cannot be read: it ends the program that reads it"
        raise unreadable("picture_reader_died", name, what, "Save it anew.") from None


def _environment() -> dict[str, str]:
    root = str(Path(belle.__file__).resolve().parent.parent)
    searched = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": searched}
