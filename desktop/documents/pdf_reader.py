"""Reads the text of a PDF page by page, with pypdf. To be called in a process that may die (`reader_child`)."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from belle.errors import KnownError
from desktop.documents.blocks import DocumentBlock, unreadable

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_PAGES = 5000
"""Of one PDF."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n+")
_HYPHEN = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_CHINESE_BREAK = re.compile(
    r"(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])[ \t]*\n[ \t]*(?=[\u3000-\u9fff\uff00-\uffef])"
)


def read_pdf(path: Path, content: bytes) -> Iterator[DocumentBlock | None]:
    """The paragraphs of a PDF; None after each page, as a sign of life.

    Raises KnownError: `encrypted`, `no_text` (scanned pages), `too_many_pages`, `damaged_document`.
    """
    reader = _open(path, content)
    count = _page_count(path, reader)
    if count > MOST_PAGES:
        advice = "Split it, or remove it from the folder."
        raise unreadable("too_many_pages", path, f"has {count:,} pages; at most {MOST_PAGES:,} are read", advice)
    has_text, damaged = False, 0
    for number in range(count):
        try:
            text = reader.pages[number].extract_text()
        except Exception:  # pypdf raises whatever its code meets in a damaged page; the other pages can be read
            text = ""
            damaged += 1
        for paragraph in _PARAGRAPH.split(_tidy(text)):
            if paragraph.strip():
                has_text = True
                yield DocumentBlock(paragraph.strip(), page=number + 1)
        yield None
    if damaged and not has_text:
        raise _damaged(path)
    if not has_text:
        advice = "Have a program for text recognition (OCR) read it, and use the file that it writes."
        raise unreadable("no_text", path, "has pages but no text: they are pictures, such as of a scanner", advice)


def _open(path: Path, content: bytes) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        # The empty password opens what is only protected against printing or copying.
        is_closed = reader.is_encrypted and not reader.decrypt("")
    except (DependencyError, NotImplementedError):  # ciphers that need another library
        is_closed = True
    except Exception as error:  # any exception of Python may come from a damaged file
        raise _damaged(path) from error
    if is_closed:
        advice = "Open it in a PDF program, save it without the password, and use that copy."
        raise unreadable("encrypted", path, "is protected by a password", advice)
    return reader


def _page_count(path: Path, reader: PdfReader) -> int:
    from pypdf.errors import DependencyError, FileNotDecryptedError

    try:
        return len(reader.pages)
    except (DependencyError, FileNotDecryptedError) as error:
        advice = "Open it in a PDF program, save it without the password, and use that copy."
        raise unreadable("encrypted", path, "is protected by a password", advice) from error
    except Exception as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> KnownError:
    return unreadable(
        "damaged_document", path, "is damaged", "Get it again, or save it anew with the program it is from."
    )


def _tidy(text: str) -> str:
    """The text of a page with the words whole again that the end of a line cut."""
    return _CHINESE_BREAK.sub("", _HYPHEN.sub("", text.replace("\r", "\n").replace("\0", "")))
