"""Text files that a person names."""

from __future__ import annotations

from pathlib import Path

from belle.errors import KnownError


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, line ends as they are. Raises KnownError: `file_missing`, `wrong_encoding`."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise KnownError("file_missing", f"{path} cannot be read: {error.strerror}.", path=str(path)) from None
    except UnicodeDecodeError as error:
        raise KnownError(
            "wrong_encoding",
            f"{path} is not UTF-8 (byte {error.start}).",
            "Save it as UTF-8, for instance with: iconv -f gb18030 -t utf-8",
            path=str(path),
        ) from None
