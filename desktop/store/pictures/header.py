"""What the head of a PNG or JPEG file says of it, without decoding a pixel."""

from __future__ import annotations

from typing import NamedTuple

from desktop.store.records import PictureKind

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
# A start of frame has the size (ITU T.81, table B.1); C4, C8 and CC in the same range are no frames.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


class PictureHeader(NamedTuple):
    """The kind of a file, and its size in pixels."""

    kind: PictureKind
    width: int
    height: int


def picture_header(data: bytes) -> PictureHeader | None:
    """The kind and size of a PNG or JPEG file; None for anything else, and for a file that ends before its size."""
    header = _png(data) if data.startswith(_PNG) else _jpeg(data) if data.startswith(_JPEG) else None
    return header if header is not None and header.width > 0 and header.height > 0 else None


def _png(data: bytes) -> PictureHeader | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    return PictureHeader("png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _jpeg(data: bytes) -> PictureHeader | None:
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _WITHOUT_LENGTH:
            place += 2
        elif marker in _FRAMES:
            frame = data[place + 5 : place + 9]  # after length and precision
            if len(frame) < 4:
                return None
            return PictureHeader("jpeg", int.from_bytes(frame[2:], "big"), int.from_bytes(frame[:2], "big"))
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
