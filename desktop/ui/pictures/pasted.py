"""Pictures on the clipboard, and in what is dropped into the composer."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QMimeData
from PySide6.QtGui import QImage

from desktop.pictures.kinds import is_picture

_KINDS = ("png", "jpeg", "webp", "gif", "bmp", "tiff")


def picture_files(source: QMimeData) -> list[str]:
    """The paths of copied files, where all of them are pictures of this computer."""
    urls = source.urls()
    if not urls or not all(url.isLocalFile() and is_picture(url.fileName()) for url in urls):
        return []
    return [url.toLocalFile() for url in urls]


def picture_content(source: QMimeData) -> bytes:
    """The content of a copied picture, as a file; empty for none. A text that comes with a picture is preferred."""
    if not source.hasImage() or source.hasText():
        return b""
    for kind in _KINDS:
        data = bytes(source.data(f"image/{kind}").data())
        if data:
            return data
    image = source.imageData()  # macOS has pictures of programs in a form of its own
    if not isinstance(image, QImage) or image.isNull():
        return b""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())
