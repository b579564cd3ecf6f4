"""Stack frames as `desktop/app.py:12 main`: without the folders of this computer, and without lines of source."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

MOST_FRAMES = 40
"""Of one stack; the innermost are the ones that tell."""

_ROOT = Path(__file__).resolve().parents[2]
_LONGEST = 160  # characters of a frame
_PACKAGES = re.compile(r".*[/\\](?:site-packages|dist-packages)[/\\]")
_STANDARD_LIBRARY = re.compile(r".*[/\\](?=python3\.\d+[/\\])")
_PLACE = re.compile(r'^\s*File "(?P<file>[^"]*)", line (?P<line>\d+),? in (?P<name>[\w.<>]+)\s*$', re.MULTILINE)
_NAMELESS = re.compile(r"<[\w .]+>")  # <string>, <frozen importlib._bootstrap>


def frames_of(traceback: TracebackType | None) -> tuple[str, ...]:
    """The frames of an exception, the innermost last."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return _frames(places)


def frames_in(text: str) -> tuple[str, ...]:
    """The frames that a text quotes, in its order: of Python's tracebacks, or of the module `faulthandler`."""
    return _frames((match["file"], int(match["line"]), match["name"]) for match in _PLACE.finditer(text))


def source_name(file: str) -> str:
    """The name of a source file from its package on: `PySide6/__init__.py`; "?" for one outside every package."""
    if _NAMELESS.fullmatch(file):
        return file
    # In this order: the program may be installed among the packages, and these are in the folder of the library.
    path = Path(file)
    if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in ("belle", "convert", "desktop"):
        return path.relative_to(_ROOT).as_posix()
    for folder in (_PACKAGES, _STANDARD_LIBRARY):
        name = folder.sub("", file)
        if name != file:
            return name.replace("\\", "/")
    return "?"


def _frames(places: Iterable[tuple[str, int, str]]) -> tuple[str, ...]:
    frames = [f"{source_name(file)}:{line} {name}"[:_LONGEST] for file, line, name in places]
    return tuple(frames[-MOST_FRAMES:])
