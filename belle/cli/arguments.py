"""The kinds of paths that commands take. Each is looked at while the command line is read, before anything is begun.

Every argument that is a path has one of these as its `type`. What is missing passes: the command has better words for
what it was looking for. What can never be read or replaced (pipes, devices, names that are too long, folders that may
not be entered) is refused here, by `belle.path_guard`.
"""

from __future__ import annotations

from pathlib import Path

from belle.path_guard import check_input, check_output, check_output_folder


def input_file(text: str) -> Path:
    """A file to read. Raises KnownError."""
    check_input(text, folder=False)
    return Path(text)


def input_path(text: str) -> Path:
    """A file or a folder to read. Raises KnownError."""
    check_input(text)
    return Path(text)


def path_or_name(text: str) -> str:
    """A file, a folder, or the name of something in the catalogue or on the hub. Raises KnownError."""
    check_input(text)
    return text


def output_file(text: str) -> Path:
    """A file to write. Raises KnownError."""
    check_output(Path(text))
    return Path(text)


def output_folder(text: str) -> Path:
    """A folder to write. Raises KnownError."""
    check_output_folder(Path(text))
    return Path(text)
