"""Chinese characters as strokes on a grid of 16 × 16, so that a picture with text needs no font."""

from __future__ import annotations

from collections.abc import Mapping

from assets.evaluation.makers.pictures.canvas import Canvas, Point

# A stroke is its points; a point is its column and row on the grid, in two hexadecimal digits.
_STROKES: Mapping[str, str] = {
    "一": "28e8",
    "二": "44c4 2ded",
    "三": "33d3 48c8 2ded",
    "十": "27e7 828e",
    "人": "82852e 85ee",
    "大": "26e6 82862e 86ee",
    "天": "33d3 27e7 83872e 87ee",
    "小": "828e6d 562b a6eb",
    "上": "828e 87d7 2ded",
    "下": "23e3 838e 86ca",
    "中": "343b 34d4db 3bdb 818f",
    "口": "343d 34d4dd 3ddd",
    "日": "424e 42c2ce 48c8 4ece",
    "田": "333d 33d3dd 38d8 3ddd 838d",
    "山": "818c 262cdc d6dc",
    "木": "25e5 818e 852c 85ec",
    "土": "36d6 828d 1ded",
    "王": "33d3 48c8 2ded 838d",
    "工": "33d3 2ded 838d",
    "门": "343e 3152 63d3de",
    "火": "82872e 87ee 4558 c5a8",
    "水": "828e6d 26762c d589ed",
}

WORDS = (
    "上山",
    "下山",
    "大人",
    "工人",
    "火山",
    "山水",
    "大火",
    "木门",
    "大门",
    "天上",
    "天下",
    "人口",
    "大小",
    "上下",
    "水田",
    "大王",
    "小王",
    "三日",
    "十日",
    "门口",
    "山口",
    "小山",
    "大山",
    "木工",
    "土木",
    "中日",
    "一天",
    "二日",
    "水土",
    "火口",
)
"""What is written: two characters each."""


def strokes(character: str) -> list[list[Point]]:
    """The strokes of a character, in shares of its square. Raises KeyError for one that is not here."""
    return [
        [(int(x, 16) / 16, int(y, 16) / 16) for x, y in zip(stroke[::2], stroke[1::2], strict=True)]
        for stroke in _STROKES[character].split()
    ]


def write(canvas: Canvas, text: str, colour: str, corner: Point, side: float) -> None:
    """Write a text from left to right. `corner` is at the top left, `side` that of each character's square."""
    for number, character in enumerate(text):
        left, top = corner[0] + number * side, corner[1]
        for stroke in strokes(character):
            canvas.stroke([(left + x * side, top + y * side) for x, y in stroke], side / 10, colour)
