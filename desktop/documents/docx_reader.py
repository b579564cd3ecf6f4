"""Reads the text of a Word document (.docx): a zip file with the text as XML. For a process that may die."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from belle.zip_entries import open_zip, read_entry
from desktop.documents.blocks import DocumentBlock, unreadable

LONGEST_XML = 64 << 20
"""Bytes of the unpacked text. A zip file of a few kilobytes can hold gigabytes."""

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TEXT = "word/document.xml"
_STYLES = "word/styles.xml"
_HEADING_NAME = re.compile(r"(heading|标题)\s*[1-9]|title|标题", re.IGNORECASE)


def is_docx(content: bytes) -> bool:
    """Whether these bytes are a zip file with the text of a Word document in it."""
    try:
        with open_zip(io.BytesIO(content)) as archive:
            return _TEXT in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read_docx(path: Path, content: bytes) -> Iterator[DocumentBlock]:
    """The paragraphs, and rows of tables, of a Word document.

    Raises KnownError: `no_text`, `too_large`, `damaged_document`.
    """
    try:
        with open_zip(io.BytesIO(content)) as archive:
            body = _parsed(_unpacked(path, archive, _TEXT))
            names = archive.namelist()
            headings = _heading_styles(_unpacked(path, archive, _STYLES)) if _STYLES in names else frozenset()
    except (zipfile.BadZipFile, ElementTree.ParseError, ValueError) as error:
        advice = "Get it again, or save it anew with the program it is from."
        raise unreadable("damaged_document", path, "is damaged", advice) from error
    heading, has_text = "", False
    for text, style in _paragraphs(body):
        if style in headings:
            heading = text
        has_text = True
        yield DocumentBlock(text, heading=heading)
    if not has_text:
        raise unreadable("no_text", path, "has no text", "Is it the right file?")


def _unpacked(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    content = read_entry(archive, name, longest=LONGEST_XML)
    if content is None:
        raise unreadable("too_large", path, "holds too much text", "Split it, or remove it from the folder.")
    return content


def _parsed(xml: bytes) -> ElementTree.Element:
    """Raises ValueError for a document type, with which XML can define entities that grow without end."""
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise ValueError("Word writes no document types")
    return ElementTree.fromstring(xml)  # noqa: S314  # without entities; and the caller's process may die


def _heading_styles(xml: bytes) -> frozenset[str]:
    """The ids of styles that are headings: by their outline level, or by name."""
    found = set()
    for style in _parsed(xml).iter(f"{_W}style"):
        name = style.find(f"{_W}name")
        has_level = style.find(f"{_W}pPr/{_W}outlineLvl") is not None
        if has_level or (name is not None and _HEADING_NAME.fullmatch(name.get(f"{_W}val") or "")):
            found.add(style.get(f"{_W}styleId") or "")
    return frozenset(found - {""})


def _paragraphs(body: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Text and style of each paragraph; a row of a table is one paragraph with ` | ` between its cells."""
    inside_tables = {paragraph for table in body.iter(f"{_W}tbl") for paragraph in table.iter(f"{_W}p")}
    for element in body.iter():
        if element.tag == f"{_W}tr":
            cells = [_text_of(cell) for cell in element.iter(f"{_W}tc")]
            text, style = " | ".join(cell for cell in cells if cell), ""
        elif element.tag == f"{_W}p" and element not in inside_tables:
            named = element.find(f"{_W}pPr/{_W}pStyle")
            text, style = _text_of(element), "" if named is None else named.get(f"{_W}val") or ""
        else:
            continue
        if text:
            yield text, style


def _text_of(element: ElementTree.Element) -> str:
    parts = []
    for part in element.iter():
        if part.tag == f"{_W}t":
            parts.append(part.text or "")
        elif part.tag in (f"{_W}tab", f"{_W}br", f"{_W}p"):
            parts.append(" ")
    return " ".join("".join(parts).split())
