"""Names beside the points of a plot, none over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

_FONT, _GAP = 7.0, 5.0
"""Size of the letters and distance from the point, in points of 1/72 inch."""

_LETTER, _LINE = 0.62 * _FONT, 1.25 * _FONT
"""Width and height that a letter takes, rather too much than too little: the font of the page is not known here."""

_SHIFTS = 12
"""Places that are tried above and below a point, on either side."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def name_points(axes: Any, named: Sequence[tuple[str, float, float]], colour: str) -> None:
    """Write names beside their points `(name, x, y)`; where they would cover each other, move and draw a line.

    Everything else must be drawn already: the limits of the axes decide what is near.
    """
    figure = axes.figure
    figure.draw_without_rendering()
    points_per_pixel = 72 / figure.dpi
    inside = axes.get_window_extent()
    frame = tuple(edge * points_per_pixel for edge in (inside.x0, inside.y0, inside.x1, inside.y1))
    xy = [(x, y) for _, x, y in named]
    places = [(left * points_per_pixel, up * points_per_pixel) for left, up in map(axes.transData.transform, xy)]
    taken: list[Box] = []
    for i in sorted(range(len(named)), key=lambda i: (-places[i][1], places[i][0])):
        name, x, y = named[i]
        right, shift, box = _place(places[i], len(name) * _LETTER, taken, frame)
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


def _place(
    point: tuple[float, float], width: float, taken: Sequence[Box], frame: Sequence[float]
) -> tuple[bool, float, Box]:
    """The nearest free place for a name of `width`: whether on the right side, how far up, and its box."""
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
