"""The guard for paths: pipes, devices, folders and impossible names are told apart before anything waits or breaks."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.path_guard import check_input, check_output, check_output_folder, exists, open_input, status


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with one of each kind."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "full").symlink_to("/dev/full")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    return tmp_path


IMPOSSIBLE = {"x" * 300: "name_too_long", "a/" * 3000: "name_too_long", "null\0": "bad_path", "loop": "unreadable"}
SPECIAL = {"pipe": "a pipe", "/dev/null": "a device", "full": "a device"}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_no_file_can_have_is_said(world: Path, name: str) -> None:
    path = world / name
    for look in (status, exists, open_input, check_input, check_output, check_output_folder):
        with pytest.raises(KnownError) as caught:
            look(path)  # type: ignore[operator]
        assert caught.value.kind == IMPOSSIBLE[name]
        assert caught.value.advice


@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_no_file_is_called_by_its_name(world: Path, name: str) -> None:
    for look in (open_input, check_input, check_output, check_output_folder):
        with pytest.raises(KnownError, match=SPECIAL[name]):
            look(world / name)


def test_a_socket_is_no_file(world: Path) -> None:
    here = Path.cwd()
    os.chdir(world)  # the address of a socket has to be short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
            with pytest.raises(KnownError, match="a socket"):
                check_input(world / "socket")
    finally:
        os.chdir(here)


def test_files_and_links_to_files_are_read(world: Path) -> None:
    for name in ("file", "link"):
        check_input(world / name)
        with open_input(world / name) as file:
            assert file.read() == b"content"


def test_folders_are_inputs_only_where_they_may_be(world: Path) -> None:
    check_input(world / "folder")
    for look in (lambda path: check_input(path, folder=False), open_input):
        with pytest.raises(KnownError, match="is a folder, not a file"):
            look(world / "folder")


def test_what_is_missing_is_no_mistake_before_it_is_opened(world: Path) -> None:
    for name in ("missing", "dangling", "file/below"):
        assert not exists(world / name)
        check_input(world / name)
        check_output(world / name)
        with pytest.raises(KnownError, match="does not exist"):
            open_input(world / name)


def test_an_output_replaces_files_only(world: Path) -> None:
    check_output(world / "file")
    check_output(world / "link", [world / "folder"])
    check_output_folder(world / "folder", [world / "file", None])
    with pytest.raises(KnownError, match="is a folder; only a file is replaced"):
        check_output(world / "folder")
    with pytest.raises(KnownError, match="is a file; a folder is written"):
        check_output_folder(world / "file")


def test_an_output_is_none_of_the_inputs(world: Path) -> None:
    for same in (world / "file", world / "link", world / "folder/../file"):
        with pytest.raises(KnownError, match="is an input of this command"):
            check_output(world / "file", [world / "missing", same])
    with pytest.raises(KnownError, match="is an input of this command"):
        check_output_folder(world / "folder", [world / "folder/."])
