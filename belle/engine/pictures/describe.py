"""What a picture is, what it would cost, and a copy of it that is safe to show."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from belle.durable import write_bytes, writing
from belle.engine.pictures.picture_file import PictureFile, decode, open_picture, scaled
from belle.engine.process.commands import DescribePicture
from belle.engine.process.events import PictureDescribed

_SMALLEST_PREVIEW, _LARGEST_PREVIEW = 16, 4096


def describe(
    command: DescribePicture, measure: Callable[[PictureFile], tuple[tuple[int, int], int | None]]
) -> PictureDescribed:
    """The answer to a question about a picture. It is decoded, so that damage shows before the picture is sent.

    Args:
        measure: the size at which the model sees it, and the tokens, None for a model that sees nothing.

    Raises KnownError as `open_picture` and `decode`, and for a preview that cannot be written.
    """
    picture = open_picture(command.path)
    longest = min(max(command.preview_size, _SMALLEST_PREVIEW), _LARGEST_PREVIEW)
    preview = decode(picture, scaled(picture.width, picture.height, longest))
    if command.preview and preview is not None:
        data = io.BytesIO()
        preview.save(data, "PNG")
        with writing(Path(command.preview)):
            write_bytes(Path(command.preview), data.getvalue())
    size, tokens = measure(picture)
    return PictureDescribed(
        command.id, picture.kind, picture.sha256, picture.width, picture.height, *size, tokens=tokens
    )
