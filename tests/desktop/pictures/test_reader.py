"""Pictures of strangers are decoded by a process of its own: what comes out is small, drawn anew, or said in words."""

from __future__ import annotations

import struct
import zlib

import pytest
from PySide6.QtCore import QBuffer
from PySide6.QtGui import QColor, QImage

from belle.errors import KnownError
from desktop.pictures.kinds import is_picture, picture_format
from desktop.pictures.reader_process import read_picture
from desktop.store.pictures.header import picture_header
from tests.support.pictures import png, png_bomb, png_chunk


def encoded(image: QImage, kind: str) -> bytes:
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    assert image.save(buffer, kind)  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def filled(width: int, height: int, colour: str = "teal") -> QImage:
    image = QImage(width, height, QImage.Format.Format_ARGB32)
    image.fill(QColor(colour))
    return image


def decoded(data: bytes) -> QImage:
    image = QImage()
    assert image.loadFromData(data)
    return image


def gif(n_frames: int) -> bytes:
    """An animation of 2 × 2 pixels."""
    frame = b"\x2c\0\0\0\0\2\0\2\0\0\2\x03\x44\x12\x05\0"  # a picture of which all pixels have one colour
    head = b"GIF89a\2\0\2\0\x80\0\0\xff\0\0\0\0\xff"
    return head + (b"\x21\xf9\4\0\x0a\0\0\0" + frame) * n_frames + b"\x3b"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp", "tiff"])
def test_every_kind_is_read_and_kept_as_one_of_two(kind: str) -> None:
    read = read_picture(encoded(filled(60, 40), kind), f"a.{kind}")
    picture = read.picture
    assert picture.kind == ("jpeg" if kind == "jpeg" else "png")
    assert picture_header(picture.data) == (picture.kind, 60, 40)
    assert (picture.name, picture.size, picture.source_width, read.n_frames) == (f"a.{kind}", len(picture.data), 0, 1)
    colour = decoded(picture.data).pixelColor(10, 10)
    assert max(abs(a - b) for a, b in zip(colour.getRgb()[:3], (0, 128, 128), strict=True)) <= 3  # type: ignore[index]


def test_a_photo_is_scaled_down_and_its_size_is_remembered() -> None:
    picture = read_picture(encoded(filled(3000, 1500), "jpeg"), "photo.jpg").picture
    assert (picture.width, picture.height, picture.source_width, picture.source_height) == (2048, 1024, 3000, 1500)


def test_what_is_transparent_is_white() -> None:
    picture = read_picture(encoded(filled(8, 8, "transparent"), "png"), "a.png").picture
    assert decoded(picture.data).pixelColor(3, 3) == QColor("white")


def test_nothing_beside_the_pixels_is_kept() -> None:
    image = filled(8, 8)
    image.setText("Comment", "taken at home")
    data = encoded(image, "png")
    assert b"taken at home" in data
    assert b"taken at home" not in read_picture(data, "a.png").picture.data


def test_the_same_file_gives_the_same_picture() -> None:
    assert read_picture(png(), "a.png").picture.digest == read_picture(png(), "b.png").picture.digest


def test_of_an_animation_the_first_picture_is_kept_and_the_number_said() -> None:
    read = read_picture(gif(3), "a.gif")
    assert (read.picture.width, read.picture.kind, read.n_frames) == (2, "png", 3)


def test_a_picture_that_stands_upright_by_its_exif_is_upright() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = encoded(filled(60, 40), "jpeg")
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    picture = read_picture(turned, "a.jpg").picture
    assert (picture.width, picture.height) == (40, 60)


JPEG = encoded(filled(600, 400), "jpeg")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png_bomb(), "picture_oversized"),
        (png_bomb(400_000, 400), "picture_oversized"),
        (png(100, 100)[:-20], "picture_damaged"),
        (png(100, 100)[:40], "picture_damaged"),
        (JPEG[: len(JPEG) // 2], "picture_damaged"),
        (JPEG[:30], "picture_damaged"),
        (gif(1)[:15], "picture_damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "picture_damaged"),
        (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bytes(13)), "picture_damaged"),
        (png(4, 4).replace(zlib.compress((b"\0" + bytes((91, 63, 214)) * 4) * 4), b"x" * 19), "picture_damaged"),
        (b"", "picture_empty"),
        (b"hello", "not_a_picture"),
        (b"%PDF-1.7", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_drawing"),
        (
            b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --><svg><image href='file:///etc/passwd'/></svg>",
            "picture_drawing",
        ),
    ],
)
def test_what_is_no_good_is_said(content: bytes, kind: str) -> None:
    with pytest.raises(KnownError) as caught:
        read_picture(content, "the file")
    assert caught.value.kind == kind
    assert "the file" in caught.value.message
    assert caught.value.advice


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(KnownError) as caught:
        read_picture(png(), "a.png", longest_s=0.01)
    assert caught.value.kind == "picture_hangs"


def test_a_picture_is_known_by_its_name_before_it_is_read() -> None:
    assert [name for name in ("a.PNG", "b.jpeg", "c.svg", "d.heic", "e.txt", "f.pdf", "png") if is_picture(name)] == [
        *("a.PNG", "b.jpeg", "c.svg", "d.heic"),
    ]
    assert picture_format(JPEG, "a.png") == "jpeg"
