"""The process that decodes one picture: `python -m desktop.pictures.reader_child NAME`, the file on stdin.

Decoders of pictures are where hostile files get in: this process has little memory and time, writes no file, and opens
none. Its answer is a line of JSON (`head`, or `error`), then a PNG or JPEG file that was drawn anew: no larger than
`MAX_SIDE`, on white where it was transparent, and without all that cameras and programs write beside the pixels.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from typing import TYPE_CHECKING

from belle.errors import KnownError
from belle.texts import json_text, utf8
from desktop.pictures.kinds import picture_format, unreadable

if TYPE_CHECKING:
    from PySide6.QtCore import QBuffer, QMessageLogContext, QSize, QtMsgType
    from PySide6.QtGui import QImage

MAX_SIDE = 2048
"""Pixels of the longer side of a picture that is kept; models and readers of text scale down to less."""

MAX_PIXELS = 120_000_000
"""Of a file that is decoded: the largest photos of telephones have 108 million."""

_MOST_MEMORY = 3 << 30  # bytes of address space
_MOST_CPU_S = 60
_MOST_DECODED_MB = 512
_LARGEST_PNG = 1 << 20  # bytes; a picture that takes more is a photo
_JPEG_QUALITY = 95
_STDOUT, _STDERR = 1, 2


def main() -> None:
    """Read the picture of stdin and answer."""
    name = sys.argv[1]
    answer = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # what a library prints must not get into the answer
    _limit()
    try:
        head, data = read_picture(sys.stdin.buffer.read(), name)
    except KnownError as error:
        head, data = {"error": error.fields}, b""
    except MemoryError:
        head, data = {"error": _too_large(name).fields}, b""
    with os.fdopen(answer, "wb") as file:
        file.write(utf8(json_text(head)) + b"\n" + data)
    os._exit(0)


def _limit() -> None:
    limits = (
        (resource.RLIMIT_AS, _MOST_MEMORY),
        (resource.RLIMIT_CPU, _MOST_CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for limit, most in limits:
        with contextlib.suppress(OSError, ValueError):  # macOS refuses RLIMIT_AS
            resource.setrlimit(limit, (most, most))


def read_picture(content: bytes, name: str) -> tuple[dict[str, object], bytes]:
    """What the head of the answer says, and the new file. Raises KnownError."""
    from PySide6.QtCore import QBuffer, QByteArray

    kind = picture_format(content, name)
    buffer = QBuffer()
    buffer.setData(QByteArray(content))
    buffer.open(QBuffer.OpenModeFlag.ReadOnly)
    return _read(buffer, kind, name)


def _read(buffer: QBuffer, kind: str, name: str) -> tuple[dict[str, object], bytes]:
    """The same of an open buffer, which the caller keeps: the reader of TIFF still needs it at its own end."""
    from PySide6.QtCore import QByteArray, qInstallMessageHandler
    from PySide6.QtGui import QImageReader

    warnings: list[str] = []

    def remember(_kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
        warnings.append(message)

    QImageReader.setAllocationLimit(_MOST_DECODED_MB)
    qInstallMessageHandler(remember)
    # The format is named, so that no other decoder looks at the file.
    reader = QImageReader(buffer, QByteArray(kind.encode()))
    reader.setAutoDetectImageFormat(False)
    reader.setAutoTransform(True)  # as the camera was held
    if not reader.canRead():
        raise _damaged(name)
    size = reader.size()
    _check_size(size, name)
    n_frames = max(1, reader.imageCount())
    scaled = _scaled(size)
    if scaled != size:
        reader.setScaledSize(scaled)
    image = reader.read()
    if image.isNull() or any("premature end" in warning.lower() for warning in warnings):
        raise _damaged(name)
    width, height = size.width(), size.height()
    if (image.width() > image.height()) != (width > height):
        width, height = height, width
    data, written = _file(_drawn_anew(image), kind)
    head = {
        "kind": written,
        "width": image.width(),
        "height": image.height(),
        "source_width": width if scaled != size else 0,
        "source_height": height if scaled != size else 0,
        "n_frames": n_frames,
    }
    return {"head": head}, data


def _check_size(size: QSize, name: str) -> None:
    if not size.isValid() or size.isEmpty():
        raise _damaged(name)
    if size.width() * size.height() > MAX_PIXELS:
        raise _too_large(name, size)


def _scaled(size: QSize) -> QSize:
    from PySide6.QtCore import QSize

    longest = max(size.width(), size.height())
    if longest <= MAX_SIDE:
        return size
    return QSize(max(1, size.width() * MAX_SIDE // longest), max(1, size.height() * MAX_SIDE // longest))


def _drawn_anew(image: QImage) -> QImage:
    """The pixels alone, in sRGB, on white."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QColorSpace, QImage, QPainter

    if image.colorSpace().isValid():
        image.convertToColorSpace(QColorSpace(QColorSpace.NamedColorSpace.SRgb))
    canvas = QImage(image.size(), QImage.Format.Format_RGB32)
    canvas.fill(Qt.GlobalColor.white)
    painter = QPainter(canvas)
    painter.drawImage(0, 0, image)
    painter.end()
    return canvas


def _file(image: QImage, source: str) -> tuple[bytes, str]:
    """The picture as a file: photos as JPEG, all else as PNG unless that is large."""
    if source != "jpeg":
        data = _written(image, "png")
        if len(data) <= _LARGEST_PNG:
            return data, "png"
    return _written(image, "jpeg"), "jpeg"


def _written(image: QImage, kind: str) -> bytes:
    from PySide6.QtCore import QBuffer
    from PySide6.QtGui import QImageWriter

    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, kind.encode())
    if kind == "jpeg":
        writer.setQuality(_JPEG_QUALITY)
    writer.write(image)
    return bytes(buffer.data().data())


def _damaged(name: str) -> KnownError:
    return unreadable("picture_damaged", name, "is damaged: it cannot be read to its end", "Save it anew.")


def _too_large(name: str, size: QSize | None = None) -> KnownError:
    what = "takes more memory than a picture may"
    if size is not None:
        most = MAX_PIXELS // 1_000_000
        what = f"has {size.width():,} × {size.height():,} pixels; pictures of up to {most} million are read"
    return unreadable("picture_oversized", name, what, "Save it smaller.")


if __name__ == "__main__":
    main()
