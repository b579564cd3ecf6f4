"""The process that reads the text in one picture: `python -m belle.ocr.worker`, the picture on stdin.

Its answer is one line of JSON: `lines`, or `error`. It has a limit of time, decodes no picture with more than
`MAX_PIXELS`, and opens no connection: what would is refused. The models are those inside the package.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any

from belle.engine.llama.cores import usable_cores
from belle.engine.process.pipes import take_stdout
from belle.errors import KnownError
from belle.ocr.layout import TextLine
from belle.texts import json_text, utf8

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

MAX_PIXELS = 120_000_000
"""Of a file that is decoded."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_LONGEST_SIDE = 2560  # pixels; the recognizer itself goes on with less
_MOST_CPU_S = 600
_CONNECTING = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})


def main() -> None:
    """Read the picture of stdin and answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = take_stdout()
    for limit, most in ((resource.RLIMIT_CPU, _MOST_CPU_S), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    sys.addaudithook(_refuse_connections)
    try:
        said: dict[str, Any] = {"lines": read_lines(sys.stdin.buffer.read())}
    except KnownError as error:
        said = {"error": error.fields}
    except MemoryError:
        said = {"error": _too_large("takes more memory than there is").fields}
    with os.fdopen(answer, "wb") as file:
        file.write(utf8(json_text(said)) + b"\n")
    # Not `sys.exit`: destructors of native libraries are not waited for.
    os._exit(0)


def _refuse_connections(event: str, _arguments: Any) -> None:
    if event in _CONNECTING:
        raise PermissionError("reading pictures needs no network")


def read_lines(content: bytes) -> list[TextLine]:
    """The lines of text in a picture, in no order. Raises KnownError `picture_too_large`, `picture_damaged`."""
    from rapidocr import RapidOCR

    threads, _ = usable_cores()
    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    found: Any = engine(_pixels(content))
    if found.txts is None or found.boxes is None:
        return []
    return [
        TextLine(text, float(score), *(float(side) for side in (*box.min(axis=0), *box.max(axis=0))))
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)  # box: [4 corners, x and y]
    ]


def _pixels(content: bytes) -> np.ndarray[Any, Any]:
    """The picture as the recognizer takes it. # [height, width, BGR]"""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # judged here, in words
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(f"has {image.width:,} × {image.height:,} pixels")
            image.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))  # JPEG is decoded smaller
            return np.ascontiguousarray(np.asarray(_on_white(ImageOps.exif_transpose(image)))[:, :, ::-1])
    except UnidentifiedImageError:
        message = f"It is not a picture that can be read here ({', '.join(_FORMATS)})."
        raise KnownError("not_a_picture", message, "Save it in one of these formats.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise KnownError("picture_damaged", "The picture is damaged.", "Save it anew.") from error


def _on_white(image: Image) -> Image:
    import PIL.Image

    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    if not image.has_transparency_data:
        return image.convert("RGB")
    canvas = PIL.Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")


def _too_large(what: str) -> KnownError:
    message = f"The picture {what}; pictures of up to {MAX_PIXELS // 1_000_000} million pixels are read."
    return KnownError("picture_too_large", message, "Save it smaller.")


if __name__ == "__main__":
    main()
