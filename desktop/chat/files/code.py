"""A block of code as a file."""

from __future__ import annotations

from pathlib import Path

from belle.durable import write_text
from belle.errors import KnownError
from desktop.chat.state import Notice

_KEY = "saved_code"


def save_code(text: str, path: Path) -> Notice:
    """Write a block of code to `path`, and a newline at its end. Returns what is to be said of it."""
    try:
        write_text(path, text if text.endswith("\n") else f"{text}\n")
    except KnownError as error:
        kind = "export_disk_full" if error.kind == "disk_full" else "save_failed"
        return Notice(kind, "bad", {"message": error.message, "file": str(path)}, (), _KEY)
    return Notice("saved", "info", {"file": str(path)}, (), _KEY)
