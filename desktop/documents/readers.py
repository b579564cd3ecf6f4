"""Reads a document of any kind that this room knows. To be called in a process that may die (`reader_child`).

What a file is, its content decides; a name that says something else is an error, and the person is told so.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from belle.errors import KnownError
from belle.path_guard import open_input, unusable
from desktop.documents.blocks import DocumentBlock, unreadable
from desktop.documents.docx_reader import is_docx, read_docx
from desktop.documents.pdf_reader import read_pdf
from desktop.documents.text_reader import MARKDOWN_SUFFIXES, read_text

LARGEST_FILE = 100 << 20
"""Bytes of a PDF or Word document."""

LARGEST_TEXT = 20 << 20
"""Bytes of a text file."""

MOST_CHARACTERS = 8_000_000
"""Of one document: about 4,000 pages."""

_PDF, _DOCX = ".pdf", ".docx"
_SOURCE_SUFFIXES = (
    ".py .pyi .ipynb .js .jsx .ts .tsx .mjs .c .h .cc .cpp .cxx .hpp .hh .cs .java .kt .kts .swift .go .rs .rb .php .pl"
    " .lua .r .jl .scala .hs .ml .ex .exs .erl .clj .dart .m .mm .f90 .sh .bash .zsh .fish .ps1 .sql .html .htm .css"
    " .scss .vue .svelte .xml .yaml .yml .toml .json .jsonl .ini .cfg .conf .proto .cmake .tex .bib"
)
_TEXT_SUFFIXES = ".txt .text .log .csv .tsv .rst .org .adoc .asciidoc .srt .vtt"
SUFFIXES = frozenset((_PDF, _DOCX, *MARKDOWN_SUFFIXES, *_SOURCE_SUFFIXES.split(), *_TEXT_SUFFIXES.split()))
"""The endings of the files that are taken for documents, in lower case."""

_PDF_WITHIN = 1024
"""Bytes; a PDF begins within them, and not always with the first."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one state of a file from another: `size` in bytes, `mtime_ns`, and the SHA-256 of its content."""

    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """The content of a file and its state."""

    path: Path
    content: bytes
    state: FileState


def open_document(path: Path) -> OpenedDocument:
    """Read the bytes of a document.

    Raises KnownError: `too_large`, `changed_while_read`, `empty_document`, and those of `path_guard.open_input`.
    """
    limit = LARGEST_FILE if path.suffix.lower() in (_PDF, _DOCX) else LARGEST_TEXT
    with open_input(path) as file:
        before = os.fstat(file.fileno())
        try:
            content = file.read(limit + 1)
            after = os.fstat(file.fileno())
        except OSError as error:
            raise unusable(path, error) from None
    if len(content) > limit:
        what = f"is larger than the {limit >> 20} MB that are read of one document"
        raise unreadable("too_large", path, what, "Split it, or remove it from the folder.")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(content) != after.st_size:
        advice = "It is read again when the folder is looked through the next time."
        raise unreadable("changed_while_read", path, "was changed while it was read", advice)
    if not content.strip():
        raise unreadable("empty_document", path, "is empty", "Is it the right file?")
    return OpenedDocument(
        path, content, FileState(after.st_size, after.st_mtime_ns, hashlib.sha256(content).hexdigest())
    )


def read_blocks(document: OpenedDocument) -> Iterator[DocumentBlock | None]:
    """The text of a document; None now and then, as a sign of life.

    Raises KnownError: `not_what_it_says`, `too_much_text`, and those of `read_text`, `read_pdf`, `read_docx`.
    """
    characters = 0
    for block in _read(document.path, document.content):
        yield block
        characters += len(block.text) if block is not None else 0
        if characters > MOST_CHARACTERS:
            advice = "Split it, or remove it from the folder."
            raise unreadable("too_much_text", document.path, "holds more text than is read of one document", advice)


def _read(path: Path, content: bytes) -> Iterator[DocumentBlock | None]:
    suffix = path.suffix.lower()
    is_pdf = b"%PDF-" in content[:_PDF_WITHIN]
    if suffix == _PDF and not is_pdf:
        raise _misnamed(path, "a PDF")
    if suffix == _DOCX and not is_docx(content):
        if content.startswith(b"\xd0\xcf\x11\xe0"):  # the container of Office documents with a password
            advice = "Open it in Word, save it without the password, and use that copy."
            raise unreadable("encrypted", path, "is protected by a password or of an old format", advice)
        raise _misnamed(path, "a Word document")
    if suffix == _PDF or content.startswith(b"%PDF-"):
        return read_pdf(path, content)
    if suffix == _DOCX or (content.startswith(b"PK\x03\x04") and is_docx(content)):
        return read_docx(path, content)
    return read_text(path, content)


def _misnamed(path: Path, kind: str) -> KnownError:
    advice = "Give it the ending of what it really is, or get it again."
    return unreadable("not_what_it_says", path, f"is not {kind}, although its name says so", advice)
