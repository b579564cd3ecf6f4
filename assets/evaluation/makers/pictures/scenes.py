"""What is drawn and what is asked about it: one function for each sub-task, which draws by chance.

Every picture has two questions, one that yes and one that no is right for, and the same words for both, so that the
words alone tell nothing. The names of the sub-tasks are MME's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from assets.evaluation.makers.pictures import glyphs
from assets.evaluation.makers.pictures.canvas import COLOURS, SHAPES, Canvas, Point

SIDE = 224
"""Pixels of a picture's side."""

_COLOURS = tuple(COLOURS)[1:]
_NUMBERS = ("one", "two", "three", "four", "five", "six")
_END = "Please answer yes or no."
_SIDES: Mapping[str, str] = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "above": "below",
    "below": "above",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and what can be said about it.

    Attributes:
        yes, no: questions that yes and that no is right for.
        open: a question, and its answer in words.
        caption: what is drawn.
    """

    canvas: Canvas
    yes: str
    no: str
    open: tuple[str, str]
    caption: str


def count(chance: Random) -> Scene:
    """One to six shapes of a kind; how many there are."""
    shape, colour = chance.choice(SHAPES), chance.choice(_COLOURS)
    right, wrong = chance.sample(range(1, 7), 2)
    canvas = Canvas(SIDE)
    cells = [(column, row) for row in range(3) for column in range(3)]
    for column, row in chance.sample(cells, right):
        canvas.shape(shape, colour, _near(chance, ((2 * column + 1) / 6, (2 * row + 1) / 6), 0.03), 0.12)
    number, things = _NUMBERS[right - 1], _many(shape, right)
    return Scene(
        canvas,
        *(_count_question(n, shape) for n in (right, wrong)),
        (f"How many {shape}s are there in the picture?", number.capitalize()),
        f"{number.capitalize()} {colour} {things}",
    )


def color(chance: Random) -> Scene:
    """A shape; which colour it has."""
    shape = chance.choice(SHAPES)
    right, wrong = chance.sample(_COLOURS, 2)
    canvas = Canvas(SIDE)
    canvas.shape(shape, right, _near(chance, (0.5, 0.5), 0.2), chance.uniform(0.18, 0.28))
    return Scene(
        canvas,
        *(f"Is the {shape} in the picture {colour}? {_END}" for colour in (right, wrong)),
        (f"Which colour is the {shape} in the picture?", right.capitalize()),
        f"One {right} {shape}",
    )


def position(chance: Random) -> Scene:
    """Two shapes; on which side of the other one is."""
    first, second = chance.sample(SHAPES, 2)
    one, other = chance.sample(_COLOURS, 2)
    right = chance.choice(list(_SIDES))
    near, far = (0.25, 0.75) if right in ("to the left of", "above") else (0.75, 0.25)
    across = chance.uniform(0.3, 0.7)
    flat = right.startswith("to")
    canvas = Canvas(SIDE)
    for name, colour, along in ((first, one, near), (second, other, far)):
        centre = (along, across) if flat else (across, along)
        canvas.shape(name, colour, _near(chance, centre, 0.05), 0.16)
    return Scene(
        canvas,
        *(f"Is the {first} {side} the {second} in the picture? {_END}" for side in (right, _SIDES[right])),
        (f"Where is the {first} in the picture?", f"{right.capitalize()} the {second}"),
        f"One {one} {first} {right} one {other} {second}",
    )


def text(chance: Random) -> Scene:
    """A Chinese word; which one it is."""
    right, wrong = chance.sample(glyphs.WORDS, 2)
    canvas = Canvas(SIDE)
    side = chance.uniform(0.36, 0.44)
    corner = _near(chance, (0.5 - side, 0.5 - side / 2), 0.05)
    glyphs.write(canvas, right, chance.choice(("black", "red", "blue")), corner, side)
    return Scene(
        canvas,
        *(f"Is the text in the picture “{word}”? {_END}" for word in (right, wrong)),
        ("Which text is in the picture?", right),
        f"The text {right}",
    )


SCENES: Mapping[str, Callable[[Random], Scene]] = {"count": count, "color": color, "position": position, "OCR": text}
"""The maker of each sub-task's pictures."""


def scenes(task: str, number: int, chance: Random, besides: Sequence[Scene] = ()) -> list[Scene]:
    """So many scenes of a sub-task; no two pictures are the same, nor the same as one of `besides`."""
    seen = {scene.canvas.pixels.tobytes() for scene in besides}
    drawn: list[Scene] = []
    while len(drawn) < number:
        scene = SCENES[task](chance)
        if (pixels := scene.canvas.pixels.tobytes()) not in seen:
            seen.add(pixels)
            drawn.append(scene)
    return drawn


def _count_question(number: int, shape: str) -> str:
    verb = "Is" if number == 1 else "Are"
    return f"{verb} there exactly {_NUMBERS[number - 1]} {_many(shape, number)} in the picture? {_END}"


def _many(shape: str, number: int) -> str:
    return shape if number == 1 else f"{shape}s"


def _near(chance: Random, place: Point, distance: float) -> Point:
    return place[0] + chance.uniform(-distance, distance), place[1] + chance.uniform(-distance, distance)
