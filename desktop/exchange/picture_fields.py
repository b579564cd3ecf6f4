"""Pictures in exported files: as fields of our own JSON, as addresses that hold them, and as files of their own."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from desktop.exchange.fields import items, text
from desktop.store.pictures.header import picture_header
from desktop.store.records import StoredPicture

LARGEST = 32 << 20
"""Bytes of one picture that is imported."""


def picture_record(picture: StoredPicture) -> dict[str, Any]:
    """A picture as a JSON object, its file in base64."""
    return {
        "name": picture.name,
        "kind": picture.kind,
        "width": picture.width,
        "height": picture.height,
        "text": picture.text,
        "source_width": picture.source_width,
        "source_height": picture.source_height,
        "data": base64.b64encode(picture.data).decode(),
    }


def pictures_of(value: Any) -> tuple[StoredPicture, ...]:
    """The pictures of a list of such objects; what is none is left out. Kind and size are those of the files."""
    return tuple(filter(None, map(_picture, items(value))))


def _picture(value: Any) -> StoredPicture | None:
    if not isinstance(value, Mapping) or len(text(value.get("data"))) > LARGEST * 4 // 3 + 4:
        return None
    try:
        data = base64.b64decode(text(value.get("data")), validate=True)
    except (binascii.Error, ValueError):
        return None
    header = picture_header(data)
    if header is None:
        return None
    return StoredPicture(
        hashlib.sha256(data).hexdigest(),
        header.kind,
        header.width,
        header.height,
        len(data),
        name=text(value.get("name")),
        text=text(value.get("text")),
        source_width=_pixels(value.get("source_width")),
        source_height=_pixels(value.get("source_height")),
        data=data,
    )


def _pixels(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 1 << 31 else 0


def data_address(picture: StoredPicture) -> str:
    """An address that holds the picture itself, for a page that needs nothing else."""
    return f"data:image/{picture.kind};base64,{base64.b64encode(picture.data).decode()}"


def file_of(picture: StoredPicture) -> str:
    """The name of a picture's file beside an exported text: the same picture has the same name."""
    return f"{picture.digest[:16]}.{'jpg' if picture.kind == 'jpeg' else 'png'}"


def files_of(pictures: Sequence[StoredPicture]) -> dict[str, bytes]:
    """The files of these pictures, by their names."""
    return {file_of(picture): picture.data for picture in pictures if picture.data}
