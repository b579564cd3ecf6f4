"""The size of a picture in words."""

from __future__ import annotations

from desktop.i18n import translate
from desktop.store.records import StoredPicture
from desktop.ui import numbers


def pixels_text(picture: StoredPicture) -> str:
    """Its size in pixels, and what it measured before it was scaled down."""
    pixels = _pixels(picture.width, picture.height)
    if not picture.source_width:
        return pixels
    scaled = translate("Pictures", "{source}, scaled to {size}")
    return scaled.format(source=_pixels(picture.source_width, picture.source_height), size=pixels)


def size_text(picture: StoredPicture) -> str:
    """The same, and the size of its file."""
    return f"{pixels_text(picture)} · {numbers.size(picture.size)}"


def _pixels(width: int, height: int) -> str:
    return f"{width} × {height}"
