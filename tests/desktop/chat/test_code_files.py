"""A block of code becomes a file; where that is not possible, a sentence says so and nothing is left behind."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.chat.files.code import save_code
from desktop.ui.notices.text import notice_text


@pytest.mark.parametrize(
    "text", ["", "x = 1", "x = 1\n", "名 = '春雨'\n\n", "a\tb\r\nc", "\ud83d lone", "x\n" * 100_000]
)
def test_the_file_has_the_code_and_ends_with_a_newline(tmp_path: Path, text: str) -> None:
    notice = save_code(text, tmp_path / "代码.py")
    assert (notice.kind, notice.level) == ("saved", "info")
    content = (tmp_path / "代码.py").read_bytes().decode()
    assert content.endswith("\n")
    assert content.startswith(text.rstrip("\n").replace("\ud83d", "\\ud83d"))
    assert "代码.py" in notice_text(notice).text


def test_an_earlier_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("long before\n" * 100)
    save_code("new", tmp_path / "code.py")
    assert (tmp_path / "code.py").read_text() == "new\n"


@pytest.fixture
def places(tmp_path: Path) -> Path:
    (tmp_path / "a file").write_text("kept")
    (tmp_path / "a folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "place", ["a folder", "a file/code.py", "x" * 300 + ".py", "nul\0.py", "/dev/null", "/proc/x.py"]
)
def test_a_place_where_nothing_can_be_written_gives_a_sentence(places: Path, place: str) -> None:
    before = sorted(places.rglob("*"))
    notice = save_code("x = 1", places / place)
    assert (notice.kind, notice.level) == ("save_failed", "bad")
    said = notice_text(notice)
    assert said.title == "The file could not be saved"
    assert "Choose another place." in said.text
    assert "{" not in said.text + said.details
    assert sorted(places.rglob("*")) == before
    assert (places / "a file").read_text() == "kept"


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 1 kB, which is what a full disk or a quota looks like to a program."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_the_earlier_file_stays(tmp_path: Path, small_files: None) -> None:
    (tmp_path / "code.py").write_text("before")
    notice = save_code("x = 1\n" * 10_000, tmp_path / "code.py")
    assert notice_text(notice).title == "The disk is full"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("code.py", "before")]
