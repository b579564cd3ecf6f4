"""Which files are pictures: by their names, when they are dropped, and by their first bytes, when they are read."""

from __future__ import annotations

import re

from belle.errors import KnownError

READABLE = "PNG, JPEG, WebP, GIF, BMP and TIFF"

_ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".svg", ".svgz")
_OTHER_ENDINGS = (".heic", ".heif", ".avif", ".psd", ".ico", ".jxl", ".jp2", ".tga", ".dng", ".cr2", ".nef", ".arw")
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff", "jpeg"),
    (rb"GIF8[79]a", "gif"),
    (rb"RIFF....WEBP", "webp"),
    (rb"BM....\0\0\0\0", "bmp"),
    (rb"II\*\0|MM\0\*", "tiff"),
)
_DRAWING = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml|<!--|<!DOCTYPE\s+svg|<svg)|\x1f\x8b", re.IGNORECASE)


def is_picture(name: str) -> bool:
    """Whether a file is a picture, by its name; also of a kind that cannot be read, which is then said."""
    return name.lower().endswith((*_ENDINGS, *_OTHER_ENDINGS))


def picture_format(content: bytes, name: str) -> str:
    """The format of a file, by its first bytes.

    Raises KnownError `picture_empty`, `picture_drawing` for an SVG, and `not_a_picture`.
    """
    if not content:
        raise unreadable("picture_empty", name, "is empty", "Choose another file.")
    for magic, kind in _MAGIC:
        if re.match(magic, content, re.DOTALL):
            return kind
    if _DRAWING.match(content) and (b"<svg" in content[:65_536].lower() or name.lower().endswith((".svg", ".svgz"))):
        what = "is an SVG drawing, which may refer to other files; it is not drawn here"
        raise unreadable("picture_drawing", name, what, "Save it as PNG, and add that.")
    raise unreadable("not_a_picture", name, "is not a picture that can be read here", f"Save it as one of {READABLE}.")


def unreadable(kind: str, name: str, what: str, advice: str) -> KnownError:
    """The error for a picture that cannot be added."""
    return KnownError(kind, f"The picture {name} {what}.", advice, name=name)
