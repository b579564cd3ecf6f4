"""Puts names beside the points of a plot so that they do not overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

_FONT, _GAP = 7.0, 5.0
"""Size of the letters and distance from the point, in points of 1/72 inch."""

_LETTER, _LINE = 0.62 * _FONT, 1.25 * _FONT
"""Width and height of a letter; rather too large, because the font of the page is not known here."""

_SHIFTS = 12
"""Positions that are tried above and below a point, on either side."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def name_points(axes: Any, named: Sequence[tuple[str, float, float]], colour: str) -> None:
    """Write names beside their points `(name, x, y)`; a name that is moved away from others gets a line to its point.

    Everything else must be drawn before: the limits of the axes determine the positions on the page.
    """
    figure = axes.figure
    figure.draw_without_rendering()
    points_per_pixel = 72 / figure.dpi
    inside = axes.get_window_extent()
    frame = tuple(edge * points_per_pixel for edge in (inside.x0, inside.y0, inside.x1, inside.y1))
    xy = [(x, y) for _, x, y in named]
    positions = [(left * points_per_pixel, up * points_per_pixel) for left, up in map(axes.transData.transform, xy)]
    taken: list[Box] = []
    for i in sorted(range(len(named)), key=lambda i: (-positions[i][1], positions[i][0])):
        name, x, y = named[i]
        right, shift, box = _position(positions[i], len(name) * _LETTER, taken, frame)
        taken.append(box)
        axes.annotate(
            name,
            (x, y),
            xytext=(_GAP if right else -_GAP, shift),
            textcoords="offset points",
            fontsize=_FONT,
            color=colour,
            ha="left" if right else "right",
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
            if shift
            else None,
        )


def _position(
    point: tuple[float, float], width: float, taken: Sequence[Box], frame: Sequence[float]
) -> tuple[bool, float, Box]:
    """The nearest free position for a name of `width`: whether on the right side, how far up, and its box."""
    x, y = point
    first = None
    for right, shift in _choices():
        left = x + _GAP if right else x - _GAP - width
        box = (left, y + shift - _LINE / 2, left + width, y + shift + _LINE / 2)
        first = first or (right, shift, box)
        outside = box[0] < frame[0] or box[1] < frame[1] or box[2] > frame[2] or box[3] > frame[3]
        if not outside and not any(_overlap(box, other) for other in taken):
            return right, shift, box
    assert first is not None
    return first


def _choices() -> Iterator[tuple[bool, float]]:
    for step in range(_SHIFTS):
        for right in (True, False):
            yield right, step * _LINE
            if step:
                yield right, -step * _LINE


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
