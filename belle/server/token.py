"""The token that clients show: made at the first start, and kept where only its owner can read it."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from belle import paths
from belle.durable import sync_folder, writing
from belle.errors import KnownError
from belle.path_guard import check_input
from belle.texts import read_text

_BYTES = 32
_LONGEST_FILE = 4096
_USABLE = re.compile(r"[\x21-\x7e]{8,512}")


def kept_token() -> tuple[str, bool]:
    """The token of this person, and whether it was made just now.

    Raises KnownError when its file can be neither read nor written.
    """
    path = paths.server_token_file()
    check_input(path, folder=False)
    if not path.exists():
        return _make(path), True
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    token = read_text(path, longest=_LONGEST_FILE).strip()
    return check_token(token, f"The token in {path}", advice="Delete the file, and another token is made."), False


def check_token(token: str, what: str = "The token", *, advice: str = "Choose another one.") -> str:
    """`token`, if it can be one. Raises KnownError("bad_token")."""
    if not _USABLE.fullmatch(token):
        message = f"{what} cannot be used: a token has 8 to 512 characters of ASCII without spaces."
        raise KnownError("bad_token", message, advice)
    return token


def _make(path: Path) -> str:
    token = secrets.token_urlsafe(_BYTES)
    with writing(path):
        paths.private_folder(path.parent)
        # Its mode from the first moment on: whoever opens a file before it is closed to others keeps it open.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    return token
