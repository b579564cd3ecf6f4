"""Small pictures for tests: made here, pixel by pixel, without a library for pictures."""

from __future__ import annotations

import hashlib
import struct
import zlib

from desktop.store.records import StoredPicture


def png(width: int = 4, height: int = 3, colour: tuple[int, int, int] = (91, 63, 214)) -> bytes:
    """A PNG file of one colour."""
    rows = (b"\0" + bytes(colour) * width) * height
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            png_chunk(b"IDAT", zlib.compress(rows)),
            png_chunk(b"IEND", b""),
        )
    )


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG file of a few kB which says that it has this many pixels."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
            png_chunk(b"IDAT", zlib.compress(b"\0" * 4_000_000)),
            png_chunk(b"IEND", b""),
        )
    )


def stored(data: bytes, width: int = 4, height: int = 3, name: str = "dot.png", text: str = "") -> StoredPicture:
    """A PNG file as the store has it."""
    return StoredPicture(hashlib.sha256(data).hexdigest(), "png", width, height, len(data), name, text, data=data)


def written(text: str, width: int = 600, height: int = 160) -> bytes:
    """A PNG file with a text in it, black on white, drawn by Qt: it needs an application."""
    from PySide6.QtCore import QBuffer, QRect, Qt
    from PySide6.QtGui import QFont, QImage, QPainter

    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    font = QFont()
    font.setPixelSize(height // 3)
    painter.setFont(font)
    painter.drawText(QRect(0, 0, width, height), Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())
