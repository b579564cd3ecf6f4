"""A picture on the disk: checked before it is decoded, and decoded within limits of size, pixels and time.

A picture may come from anyone. Its kind is taken from its first bytes and not from its name, only the decoder of that
kind is let near it, and its sizes are read from the header before memory is taken for its pixels. Pillow decodes; what
it makes of a damaged file is told in one sentence, whatever it raises.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from PIL import Image, ImageFile, ImageOps

from belle.errors import KnownError

MOST_BYTES = 64 << 20
"""The largest file that is read."""

MOST_PIXELS = 120_000_000
"""The largest picture that is decoded, 360 MB as RGB: the largest photos of telephones have 108 million."""

LONGEST_SIDE = 1536
"""In pixels: larger pictures are scaled down to it. No encoder in use sees more of a whole picture."""

_NARROWEST = 100  # a picture is at most so many times as long as it is wide
_DECODING_S = 20.0
_MOST_SCANS = 100  # of a JPEG; each scan of a progressive one goes through the whole picture again
_SCAN = b"\xff\xda"
_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = range(5, 9)  # EXIF orientations that turn a picture by 90 degrees

# Magic bytes, the kind as people write it, and Pillow's name of its decoder.
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG", "JPEG"),
    (b"GIF87a", "GIF", "GIF"),
    (b"GIF89a", "GIF", "GIF"),
    (b"BM", "BMP", "BMP"),
    (b"II*\0", "TIFF", "TIFF"),
    (b"MM\0*", "TIFF", "TIFF"),
)
_ADVICE = "Use a PNG, JPEG, WebP, GIF, BMP or TIFF picture."


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture whose header has been read; nothing is decoded yet.

    Args:
        name: of the file, for messages.
        kind: `PNG`, `JPEG`, `WebP`, `GIF`, `BMP` or `TIFF`.
        sha256: of the file.
        width, height: upright, in pixels.
        data: the whole file.
    """

    name: str
    kind: str
    sha256: str
    width: int
    height: int
    data: bytes = field(repr=False)

    @property
    def read_size(self) -> tuple[int, int]:
        """Width and height of what is seen of it: at most `LONGEST_SIDE`, in the same proportion."""
        return scaled(self.width, self.height, LONGEST_SIDE)


def scaled(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size of a picture that is scaled down until no side is longer than `longest` pixels."""
    factor = min(1.0, longest / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def open_picture(path: str | Path, name: str = "") -> PictureFile:
    """Read a file and check what it is; messages say `name`, or that of the file.

    Raises KnownError: `bad_picture`, `picture_too_large`, `picture_missing`.
    """
    path = Path(path)
    return check_picture(_read(path), name or path.name)


def check_picture(data: bytes, name: str) -> PictureFile:
    """What the content of a file is, of which messages say `name`. Raises as `open_picture`."""
    kind, decoder = _kind_of(data, name)
    with _words_for_damage(name), _opened(data, decoder) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise _too_many_pixels(name, f"has {width * height / 1e6:,.0f} megapixels")
        if image.getexif().get(_EXIF_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
    if kind == "JPEG" and data.count(_SCAN) > _MOST_SCANS:
        raise _bad(name, "would take too long to decode", "Save it again with another program.")
    if max(width, height) > _NARROWEST * min(width, height):
        raise _bad(name, f"is {width:,} × {height:,} pixels, too narrow to see anything", "Cut out a part of it.")
    return PictureFile(name, kind, hashlib.sha256(data).hexdigest(), width, height, data)


def decode(
    picture: PictureFile, size: tuple[int, int], is_stopped: Callable[[], bool] = lambda: False
) -> Image.Image | None:
    """The first frame, upright, on white, as RGB of this size; None where `is_stopped` became true meanwhile.

    Raises KnownError("bad_picture").
    """
    decoder = picture.kind.upper()
    deadline = monotonic() + _DECODING_S
    try:
        with _words_for_damage(picture.name), _opened(picture.data, decoder, deadline, is_stopped) as image:
            # A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough: in a fraction of the
            # time and memory. Its sides are not upright yet, so both are asked to be as long as the longer one.
            image.draft("RGB", (max(size), max(size)))
            return _on_white(ImageOps.exif_transpose(image)).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    except _Stopped:
        return None


class _Stopped(Exception):  # noqa: N818 - not an error, but what was asked for
    """Decoding is not wanted any more."""


class _LimitedFile(io.BytesIO):
    """A file in memory that ends decoding when its time is over: decoders ask for it in blocks of 64 KB."""

    def __init__(self, data: bytes, deadline: float, is_stopped: Callable[[], bool]) -> None:
        super().__init__(data)
        self._deadline = deadline
        self._is_stopped = is_stopped

    def read(self, size: int | None = -1, /) -> bytes:
        if self._is_stopped():
            raise _Stopped
        if monotonic() > self._deadline:
            raise TimeoutError(f"decoding takes longer than {_DECODING_S:.0f} seconds")
        return super().read(size)


@contextmanager
def _opened(
    data: bytes,
    decoder: str,
    deadline: float = float("inf"),
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[ImageFile.ImageFile]:
    with warnings.catch_warnings():
        # Its warnings are of sizes, which are checked here, and of damage, which is then either told or harmless.
        warnings.simplefilter("ignore")
        with Image.open(_LimitedFile(data, deadline, is_stopped), formats=[decoder]) as image:
            yield image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        # 16 bits of grey, or more; Pillow would cut off what is above 255.
        low, high = image.convert("F").getextrema()
        if high > 255 or low < 0:  # type: ignore[operator]  # of one band, these are two numbers
            image = image.convert("F").point(lambda value: value * (1 / 257))
        image = image.convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise KnownError("picture_missing", f"The picture {path.name} {what}.", "Choose the picture again.")
        if path.stat().st_size > MOST_BYTES:
            size = f"has more than {MOST_BYTES >> 20} MB"
            raise KnownError("picture_too_large", f"The picture {path.name} {size}.", "Save it with less detail.")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"The picture {path.name} cannot be read ({reason})."
        raise KnownError("picture_missing", message, "Choose the picture again.") from None


def _kind_of(data: bytes, name: str) -> tuple[str, str]:
    """The kind and Pillow's decoder of it, by the first bytes. Raises KnownError("bad_picture")."""
    if not data:
        raise _bad(name, "is empty", "Choose another picture.")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP", "WEBP"
    for magic, kind, decoder in _KINDS:
        if data.startswith(magic):
            return kind, decoder
    if b"<svg" in data[:4096].lower():
        raise _bad(name, "is an SVG drawing, which may refer to other files and is not read", "Save it as a PNG.")
    raise _bad(name, "is not a picture of a kind that can be read", _ADVICE)


@contextmanager
def _words_for_damage(name: str) -> Iterator[None]:
    """KnownError for whatever a decoder raises."""
    try:
        yield
    except (KnownError, _Stopped):
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(name, "has far more pixels than a photo") from None
    except TimeoutError:
        raise _bad(name, "takes too long to decode", "Save it again with another program.") from None
    except Exception as error:
        if "truncated" in str(error).lower():
            raise _bad(name, "is cut off: its end is missing", "Copy or download it again.") from None
        raise _bad(name, "is damaged", "Copy or download it again, or save it with another program.") from None


def _bad(name: str, what: str, advice: str) -> KnownError:
    return KnownError("bad_picture", f"The picture {name} {what}.", advice)


def _too_many_pixels(name: str, what: str) -> KnownError:
    message = f"The picture {name} {what}; at most {MOST_PIXELS // 1_000_000} megapixels are read."
    return KnownError("picture_too_large", message, "Make it smaller with another program.")
