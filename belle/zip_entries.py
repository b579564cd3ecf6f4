"""Reads zip files of unknown origin: all that is wrong with one is a BadZipFile, and no entry unpacks without end."""

from __future__ import annotations

import contextlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """The archive in an open file. Raises zipfile.BadZipFile."""
    with _one_kind():
        return zipfile.ZipFile(file)


def read_entry(archive: zipfile.ZipFile, name: str, *, longest: int) -> bytes | None:
    """What an entry unpacks to; None if that is more than `longest` bytes.

    Raises zipfile.BadZipFile, also for an entry that does not exist or is encrypted.
    """
    with _one_kind(), archive.open(name) as entry:
        # Not `getinfo(name).file_size`: that is what the archive says of itself.
        content = entry.read(longest + 1)
    return content if len(content) <= longest else None


@contextlib.contextmanager
def _one_kind() -> Iterator[None]:
    """`zipfile` lets the errors of its decompressors through, and raises several kinds of its own."""
    try:
        yield
    except zipfile.BadZipFile:
        raise
    except (zlib.error, lzma.LZMAError, struct.error, EOFError, KeyError, OSError, RuntimeError, ValueError) as error:
        raise zipfile.BadZipFile(str(error)) from error
