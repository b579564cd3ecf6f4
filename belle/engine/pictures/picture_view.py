"""A picture as one model sees it."""

from __future__ import annotations

from dataclasses import dataclass

from belle.engine.pictures.picture_runs import PictureRun


@dataclass(frozen=True, slots=True)
class PictureView:
    """What a picture is for one model.

    Args:
        path: of the file.
        width, height: of the picture, upright.
        read_width, read_height: to which it is scaled down.
        tokens: what stands for it in a prompt: tokens of the vocabulary, and those of its runs.
        runs: the places of its tiles.
    """

    path: str
    width: int
    height: int
    read_width: int
    read_height: int
    tokens: tuple[int, ...]
    runs: tuple[PictureRun, ...]
