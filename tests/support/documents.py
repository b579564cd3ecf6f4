"""Small PDF and Word documents, written byte by byte."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def write_pdf(path: Path, pages: Sequence[str], *, encrypt: str = "") -> Path:
    """A PDF with the lines of each text on a page of its own, in any script; `encrypt`: an entry for its trailer."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", _FONT, _DESCENDANT, _stream(_to_unicode(pages))]
    kids = []
    for text in pages:
        lines = [f"<{line.encode('utf-16-be').hex()}> Tj T*" for line in text.split("\n") if line]
        objects.append(_stream("BT /F1 11 Tf 14 TL 50 780 Td " + " ".join(lines) + " ET") if lines else _stream(""))
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>"
            f" /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    content, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {encrypt} >>\nstartxref\n{len(content)}\n%%EOF\n"
    path.write_bytes(content + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode())
    return path


# Codes are UTF-16 units, and the map to Unicode says so: any text can be written without a font file.
_FONT = (
    "<< /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>"
)
_DESCENDANT = (
    "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /DW 500"
    " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
)


def _to_unicode(pages: Sequence[str]) -> str:
    """The map from codes to Unicode: each code is its own character, so only those that occur are in it."""
    codes = [f"<{ord(character):04x}>" for character in sorted(set("".join(pages)))]
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Any def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{len(codes)} beginbfchar\n"
        + "\n".join(f"{code} {code}" for code in codes)
        + "\nendbfchar\nendcmap CMapName currentdict /CMap defineresource pop end end"
    )


def _stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"


def write_docx(path: Path, paragraphs: Sequence[tuple[str, str]], *, table: Sequence[Sequence[str]] = ()) -> Path:
    """A Word document of (style, text), with a style `Heading1`, and a table at its end."""
    body = "".join(_paragraph(style, text) for style, text in paragraphs)
    rows = "".join("<w:tr>" + "".join(f"<w:tc>{_paragraph('', c)}</w:tc>" for c in row) + "</w:tr>" for row in table)
    body += f"<w:tbl>{rows}</w:tbl>" if rows else ""
    styles = '<w:style w:styleId="Heading1"><w:name w:val="heading 1"/></w:style>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>')
        archive.writestr("word/styles.xml", f'<w:styles xmlns:w="{_W}">{styles}</w:styles>')
    return path


def _paragraph(style: str, text: str) -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"
