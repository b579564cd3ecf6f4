"""A page as PDF, laid out by Qt."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF
from PySide6.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

from belle.durable import write_bytes

_MARGIN_MM = 18.0
_TEXT_PT = 10.5


def write_pdf(html: str, path: Path) -> None:
    """Write the HTML of `print_page` to a PDF of A4 pages. May run in any thread.

    Raises KnownError where the file cannot be written; then it is as it was.
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter
        )
    )
    print_document(html).print_(writer)
    del writer  # the end of the file is written when it goes
    write_bytes(path, bytes(buffer.data().data()))


def print_document(html: str) -> QTextDocument:
    """The document of a page, for a printer of Qt."""
    document = QTextDocument()
    font = document.defaultFont()
    font.setPointSizeF(_TEXT_PT)
    document.setDefaultFont(font)
    document.setHtml(html)
    return document
