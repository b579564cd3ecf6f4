"""Small versions of stored pictures, which our own reader has drawn anew, and which are held to its limits here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache

from PySide6.QtCore import QBuffer, QByteArray, QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap

from desktop.store.records import StoredPicture

_LONGEST_SIDE = 2048  # pixels; no stored picture is larger
_MOST_DECODED_MB = 64
_MOST_KEPT = 64


class PictureSource(QObject):
    """Hands out pictures by their digests. `opened` asks to show one large.

    `data` returns the file of a stored picture, empty where there is none; whoever has the store sets it.
    """

    opened = Signal(object)  # StoredPicture

    def __init__(self) -> None:
        super().__init__()
        self.data: Callable[[str], bytes] = lambda _: b""
        self._kept: OrderedDict[tuple[str, int, int], QPixmap] = OrderedDict()

    def thumbnail(self, picture: StoredPicture, box: QSize) -> QPixmap:
        """A picture that fits into `box` (device pixels); null where it cannot be read."""
        key = (picture.digest, box.width(), box.height())
        if key not in self._kept:
            image = decoded(picture.data or self.data(picture.digest), picture.kind, box)
            self._kept[key] = QPixmap.fromImage(image)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def decoded(data: bytes, kind: str, box: QSize) -> QImage:
    """A picture scaled down to fit into `box`; null for a file that is not such a picture, or larger than one is."""
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QBuffer.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(kind.encode()))  # no other decoder looks at it
    reader.setAutoDetectImageFormat(False)
    QImageReader.setAllocationLimit(_MOST_DECODED_MB)
    size = reader.size()
    if not size.isValid() or max(size.width(), size.height()) > _LONGEST_SIDE:
        return QImage()
    if size.width() > box.width() or size.height() > box.height():
        reader.setScaledSize(size.scaled(box, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1)))
    return reader.read()


@cache
def picture_source() -> PictureSource:
    """The object that the whole window shares."""
    return PictureSource()
