"""Pictures from files that anyone may have made."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from belle.engine.pictures import picture_file
from belle.engine.pictures.picture_file import decode, open_picture, scaled
from belle.errors import KnownError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def two_colours(width: int = 64, height: int = 32) -> Image.Image:
    """The left half is red, the right half blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def as_file(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has next to nothing in it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def jpeg_of_many_scans() -> bytes:
    data = as_file(two_colours(), "JPEG", progressive=True)
    scan = data[data.index(b"\xff\xda") : -2]
    return data[:-2] + scan * 100 + data[-2:]


PHOTO = as_file(two_colours(640, 480), "JPEG")
BAD: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "is empty"),
    "a text": (b"hello", "is not a picture of a kind that can be read"),
    "an ICO": (as_file(two_colours(), "ICO"), "is not a picture of a kind that can be read"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    "an SVG with a link": (b'<?xml version="1.0"?><svg><image href="http://a.example/"/></svg>', "is an SVG drawing"),
    "a PNG bomb": (png_header(60_000, 60_000), "at most 120 megapixels"),
    "a photo of 130 megapixels": (png_header(13_000, 10_000), "has 130 megapixels"),
    "a JPEG cut off in the middle": (PHOTO[: len(PHOTO) // 2], "is cut off"),
    "a JPEG of nothing but its beginning": (PHOTO[:30], "is"),
    "a PNG without its pixels": (png_header(500, 500), "is"),
    "a GIF cut off": (as_file(two_colours(), "GIF")[:40], "is"),
    "a WebP cut off": (as_file(two_colours(), "WEBP")[:60], "is"),
    "a BMP cut off": (as_file(two_colours(), "BMP")[:200], "is cut off"),
    "a JPEG of a hundred scans": (jpeg_of_many_scans(), "would take too long"),
    "a line": (as_file(Image.new("RGB", (2000, 3)), "PNG"), "too narrow"),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_known_by_its_content_and_not_by_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(as_file(two_colours(), kind.upper()))
    picture = open_picture(path)
    assert (picture.kind, picture.width, picture.height) == (kind, 64, 32)
    image = decode(picture, (64, 32))
    assert image is not None
    pixels = np.asarray(image).astype(int)
    assert abs(pixels[16, 8] - RED).max() < 30
    assert abs(pixels[16, 56] - BLUE).max() < 30


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_told_in_words(tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(KnownError, match=r"bad\.png") as caught:
        picture = open_picture(path)
        decode(picture, picture.read_size)
    assert words in caught.value.message
    assert caught.value.advice


def test_what_is_no_file_is_told_in_words(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.png"):
        with pytest.raises(KnownError) as caught:
            open_picture(path)
        assert caught.value.kind == "picture_missing"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(picture_file.MOST_BYTES + 1)
    with pytest.raises(KnownError, match="more than 64 MB"):
        open_picture(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_seen_upright(tmp_path: Path, orientation: int) -> None:
    # Each EXIF orientation, with the corner in which the first pixel of the file belongs.
    corner = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[orientation]
    image = Image.new("RGB", (64, 32), BLUE)
    image.paste(RED, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    path.write_bytes(as_file(image, "JPEG", exif=exif, quality=95))
    picture = open_picture(path)
    assert (picture.width, picture.height) == ((64, 32) if orientation < 5 else (32, 64))
    seen = decode(picture, (picture.width, picture.height))
    assert seen is not None
    x, y = (4 if not side else length - 4 for side, length in zip(corner, seen.size, strict=True))
    assert np.abs(np.asarray(seen).astype(int)[y, x] - RED).max() < 40


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    path = tmp_path / "clear.png"
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        path.write_bytes(as_file(image, "PNG", transparency=0))
    else:
        path.write_bytes(as_file(image if mode == "PA" else image.convert(mode), "PNG"))
    seen = decode(open_picture(path), (8, 8))
    assert seen is not None
    assert seen.getpixel((4, 4)) == (255, 255, 255)


def test_grey_of_16_bits_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x-ray.png"
    path.write_bytes(as_file(Image.fromarray(np.full((8, 8), 32768, np.uint16)), "PNG"))
    seen = decode(open_picture(path), (8, 8))
    assert seen is not None
    assert seen.getpixel((4, 4)) == (127, 127, 127)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_seen(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "animation"
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    path.write_bytes(as_file(frames[0], kind, save_all=True, append_images=frames[1:]))
    seen = decode(open_picture(path), (8, 8))
    assert seen is not None
    assert np.abs(np.asarray(seen).astype(int)[4, 4] - RED).max() < 10


def test_a_large_photo_is_scaled_down(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(as_file(two_colours(4000, 3000), "JPEG"))
    picture = open_picture(path)
    assert picture.read_size == (1536, 1152)
    seen = decode(picture, picture.read_size)
    assert seen is not None
    assert seen.size == (1536, 1152)


def test_decoding_ends_when_it_is_stopped_or_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    picture = open_picture(path)
    assert decode(picture, (64, 48), lambda: True) is None
    monkeypatch.setattr(picture_file, "_DECODING_S", -1.0)
    with pytest.raises(KnownError, match="takes too long"):
        decode(picture, (64, 48))


@given(width=st.integers(1, 100_000), height=st.integers(1, 100_000), longest=st.integers(1, 4096))
def test_a_scaled_size_is_within_its_limit_and_keeps_the_proportion(width: int, height: int, longest: int) -> None:
    small = scaled(width, height, longest)
    assert min(small) >= 1
    assert max(small) <= longest
    if max(width, height) <= longest:
        assert small == (width, height)
    else:
        factor = longest / max(width, height)
        assert abs(small[0] - width * factor) <= 1
        assert abs(small[1] - height * factor) <= 1


@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]))
def test_a_damaged_file_is_decoded_or_told_in_words(
    seed: int, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(as_file(two_colours(), kind))
    for index in rng.integers(4, len(data), 8):
        data[index] = rng.integers(256)
    path = tmp_path_factory.mktemp("damaged") / "picture"
    path.write_bytes(data)
    try:
        decode(open_picture(path), (16, 16))
    except KnownError as error:
        assert error.advice
