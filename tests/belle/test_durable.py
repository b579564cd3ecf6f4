"""Writes that fail: what is said fits the command, and what is there and is no file stays what it is."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from belle.durable import check_space, commit_file, on_full_disk, replace_file, write_failure, write_text, writing
from belle.errors import KnownError


def test_a_full_disk_is_advised_on_by_the_command(tmp_path: Path) -> None:
    full = write_failure(tmp_path / "file", OSError(errno.ENOSPC, "No space left on device"))
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


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["the block", "fsync", "rename"])
@pytest.mark.parametrize("failure", [full_disk, interrupted])
def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: Callable[..., None]
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", failure)
    if step == "rename":
        monkeypatch.setattr(Path, "replace", failure)
    with pytest.raises((KnownError, KeyboardInterrupt)) as caught, replace_file(path, advice="Go on.") as file:
        file.write(b"new")
        if step == "the block":
            failure()
    if failure is full_disk:
        assert isinstance(caught.value, KnownError)
        assert (caught.value.kind, caught.value.advice) == ("disk_full", "Go on.")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_too_little_space_is_named_with_what_it_is_for_and_enough_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 2_000_000) if folder == tmp_path else None)
    path = tmp_path / "not yet" / "m.gguf"
    check_space(path, {"the model": 1_500_000}, advice="", spare=500_000)
    with pytest.raises(KnownError) as caught:
        check_space(path, {"the model": 1_500_000, "nothing": 0}, advice="Make room.", spare=500_001)
    assert caught.value.message == (
        f"{path} needs 2.00 MB on the disk, which has 2.00 MB free: 1.50 MB for the model, 0.50 MB to spare."
    )
    assert (caught.value.kind, caught.value.advice) == ("disk_full", "Make room.")
    assert caught.value.details["needed"] == 2_000_001


def test_what_is_no_fault_of_the_disk_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), replace_file(tmp_path / "file") as file:
        file.write(b"%d" % (1 // 0))
    with pytest.raises(KnownError) as known, writing(tmp_path / "file"):
        raise KnownError("another", "What happened.", "What to do.")
    assert known.value.kind == "another"
    assert list(tmp_path.iterdir()) == []


def test_a_file_gets_its_name_after_its_bytes_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, path, seen = tmp_path / "part", tmp_path / "whole", list[tuple[bool, bool]]()
    part.write_text("bytes")
    sync = os.fsync

    def look(handle: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    commit_file(part, path)
    assert seen == [(False, False), (True, True)]


def test_several_writers_do_not_meet_in_one_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    script = "import sys; from pathlib import Path; from belle.durable import write_text\n"
    script += "for _ in range(50): write_text(Path(sys.argv[1]), sys.argv[2] * 100_000, several_writers=True)"
    commands = [[sys.executable, "-c", script, str(path), letter] for letter in "ab"]
    started = [subprocess.Popen(command) for command in commands]
    while any(process.poll() is None for process in started):
        if path.exists():
            assert len(set(path.read_text())) == 1
    assert [process.returncode for process in started] == [0, 0]
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
