"""A picture of few colours: filled shapes and strokes, without antialiasing, written as a PNG with a palette."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "red": (220, 30, 30),
    "green": (30, 150, 60),
    "blue": (40, 80, 220),
    "yellow": (245, 205, 40),
    "purple": (140, 50, 170),
    "black": (20, 20, 20),
}
"""The palette; the first is the background."""

SHAPES = ("circle", "square", "triangle", "star")

Point = tuple[float, float]
_PLACES = {name: place for place, name in enumerate(COLOURS)}


class Canvas:
    """A square of `size` pixels. Places and lengths are in shares of its side, from 0 to 1; y grows downwards."""

    def __init__(self, size: int) -> None:
        self.pixels = np.zeros((size, size), np.uint8)  # [rows, columns], places in the palette
        middles = (np.arange(size) + 0.5) / size
        self._x, self._y = np.meshgrid(middles, middles)

    def shape(self, name: str, colour: str, centre: Point, radius: float) -> None:
        """Draw one of `SHAPES` that fits into a circle, but for the square, whose side is 1.7 radii."""
        x, y = self._x - centre[0], self._y - centre[1]
        match name:
            case "circle":
                inside = np.hypot(x, y) <= radius
            case "square":
                inside = np.maximum(abs(x), abs(y)) <= 0.85 * radius
            case "triangle":
                inside = _in_polygon(x, y, _corners(3, radius))
            case "star":
                inside = _in_polygon(x, y, _corners(10, radius, 0.45 * radius))
            case _:
                raise ValueError(name)
        self.pixels[inside] = _PLACES[colour]

    def stroke(self, points: Sequence[Point], width: float, colour: str) -> None:
        """Draw lines from point to point, with round ends."""
        for (x1, y1), (x2, y2) in pairwise(points):
            dx, dy = x2 - x1, y2 - y1
            length = dx * dx + dy * dy
            along = np.clip(((self._x - x1) * dx + (self._y - y1) * dy) / length, 0, 1)
            near = np.hypot(self._x - x1 - along * dx, self._y - y1 - along * dy) <= width / 2
            self.pixels[near] = _PLACES[colour]

    def png(self) -> bytes:
        """The picture as a PNG file (ISO/IEC 15948): 8 bits for each pixel, colour type 3, no filters."""
        size = len(self.pixels)
        header = struct.pack(">IIBBBBB", size, size, 8, 3, 0, 0, 0)
        rows = np.concatenate([np.zeros((size, 1), np.uint8), self.pixels], axis=1)  # each row begins with its filter
        palette = bytes(value for colour in COLOURS.values() for value in colour)
        parts = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _corners(n: int, *radii: float) -> list[Point]:
    """Corners around the middle, the first at the top; radii take turns."""
    turns = [2 * np.pi * corner / n for corner in range(n)]
    return [(radii[i % len(radii)] * np.sin(t), -radii[i % len(radii)] * np.cos(t)) for i, t in enumerate(turns)]


def _in_polygon(x: NDArray[np.float64], y: NDArray[np.float64], corners: Sequence[Point]) -> NDArray[np.bool_]:
    """Which points have an odd number of edges to their right."""
    inside = np.zeros(x.shape, np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
