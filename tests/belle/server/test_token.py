"""The token is made once, kept where only its owner reads it, and never a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle import paths
from belle.errors import KnownError
from belle.server.token import check_token, kept_token


def test_it_is_made_once_and_private() -> None:
    token, is_new = kept_token()
    assert is_new and len(token) >= 40
    assert kept_token() == (token, False)
    path = paths.server_token_file()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_file_that_others_can_read_is_closed() -> None:
    kept_token()
    paths.server_token_file().chmod(0o644)
    kept_token()
    assert paths.server_token_file().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "short", "two words", "汉字汉字汉字汉字", "x" * 600])
def test_a_file_without_a_token_is_said(content: str) -> None:
    kept_token()
    paths.server_token_file().write_text(content, encoding="utf-8")
    with pytest.raises(KnownError) as caught:
        kept_token()
    assert caught.value.kind == "bad_token"
    assert str(paths.server_token_file()) in caught.value.message


def test_a_folder_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("HOME", str(blocked))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(blocked / "config"))
    with pytest.raises(KnownError) as caught:
        kept_token()
    assert "server-token" in caught.value.message


def test_a_token_of_ones_own() -> None:
    assert check_token("my-own-token") == "my-own-token"
    with pytest.raises(KnownError):
        check_token("a b c d e f g h")
