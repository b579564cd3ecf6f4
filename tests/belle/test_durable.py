"""Writes that fail: what is said fits the command, and what is there and is no file stays what it is."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from belle.durable import on_full_disk, worded, write_text
from belle.errors import KnownError


def test_a_full_disk_is_advised_on_by_the_command(tmp_path: Path) -> None:
    full = worded(tmp_path / "file", OSError(errno.ENOSPC, "No space left on device"))
    assert full.kind == "disk_full"
    assert "output_dir" not in full.advice
    with pytest.raises(KnownError) as caught, on_full_disk("Go on with --resume."):
        raise full
    assert (caught.value.message, caught.value.advice) == (full.message, "Go on with --resume.")
    with pytest.raises(KnownError) as other, on_full_disk("Go on with --resume."):
        raise KnownError("another", "What happened.", "What to do.")
    assert other.value.advice == "What to do."


def test_only_files_are_replaced(tmp_path: Path) -> None:
    pipe, link, folder = tmp_path / "pipe", tmp_path / "link", tmp_path / "folder"
    os.mkfifo(pipe)
    link.symlink_to("/dev/full")
    folder.mkdir()
    for path in (pipe, link, folder, Path("/dev/full")):
        with pytest.raises(KnownError, match="only a file is replaced"):
            write_text(path, "text")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "pipe"]


def test_what_utf8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "name \udcb1, half \ud83d")
    assert (tmp_path / "file").read_bytes() == b"name \\udcb1, half \\ud83d"
