"""Texts that go with a question."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from belle.cli.chat.attachments import Attachment, read_attachment, with_attachments
from belle.errors import KnownError


def test_a_file_is_fenced_in_front_of_the_question(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes("\ufeff# Notes\r\n一行\r\n".encode())
    text = with_attachments("What is this?", [read_attachment(path)])
    assert text == "notes.md:\n```md\n# Notes\n一行\n```\n\nWhat is this?"


def test_a_text_with_fences_gets_a_longer_one() -> None:
    text = "a\n````\nb\n````\n"
    assert Attachment(text).fenced() == "`````\na\n````\nb\n````\n`````"


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"%PDF-1.7\n\xff", "not_text", "a PDF document"),
        (b"PK\x03\x04rest", "not_text", "a Word document"),
        (b"\x7fELF\x00\x00", "not_text", "null bytes"),
        (b"text\x00text", "not_text", "null bytes"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not_text", "null bytes"),
        ("贝尔".encode("gb18030"), "wrong_encoding", "UTF-8"),
        (b" \n", "empty_file", "empty"),
        (b"", "empty_file", "empty"),
        (b"a" * ((16 << 20) + 1), "file_too_large", "longer"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, kind: str, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(KnownError, match=said) as caught:
        read_attachment(path)
    assert caught.value.kind == kind
    assert caught.value.advice


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, kind in (("missing", "file_missing"), (".", "is_a_folder"), ("pipe", "not_a_file")):
        with pytest.raises(KnownError) as caught:
            read_attachment(tmp_path / name)
        assert caught.value.kind == kind


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("text")
    path.chmod(0)
    with pytest.raises(KnownError) as caught:
        read_attachment(path)
    assert caught.value.kind == "no_permission"
