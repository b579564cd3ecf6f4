"""Shapes, numbers and sequences, counting and chance, in English."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assets.evaluation.makers.math.problem import Problem, span

SHAPES: Sequence[Problem] = (
    Problem(
        "A rectangular lawn is {a} m by {b} m. A path {c} m wide runs all the way around it, outside the lawn. "
        "What is the area of the path in square metres?",
        "The outer rectangle minus the lawn: ({a} + 2 × {c}) × ({b} + 2 × {c}) − {a} × {b} = {x} square metres.",
        {"a": span(14, 24), "b": span(8, 13), "c": (1, 2, 3)},
        lambda a, b, c: (a + 2 * c) * (b + 2 * c) - a * b,
    ),
    Problem(
        "The angles of a triangle are in the ratio {a}:{b}:{c}. How many degrees is the largest angle?",
        "180 ÷ ({a} + {b} + {c}) × {c} = {x}, so the largest angle is {x} degrees.",
        {"a": (1, 2, 3), "b": (3, 4), "c": (5, 6, 8)},
        lambda a, b, c: 180 * c / (a + b + c),
        lambda a, b, c: 180 % (a + b + c) == 0,
    ),
    Problem(
        "A cylinder has a radius of {a} cm and a height of {b} cm. What is its volume in cubic centimetres, "
        "with 3.14 for pi?",
        "3.14 × {a} × {a} × {b} = {x}, so the volume is {x} cubic centimetres.",
        {"a": (3, 4, 6), "b": (7, 9, 11)},
        lambda a, b: 3.14 * a * a * b,
    ),
    Problem(
        "A ladder {a} m long leans against a wall with its foot {b} m from the wall. How high does it reach, in metres?",
        "By Pythagoras the height is {x} metres.",
        {"a": (6.5, 7.5, 8.5, 13), "b": (2.5, 4.5, 4, 5)},
        lambda a, b: math.sqrt(a * a - b * b),
        lambda a, b: abs(math.sqrt(a * a - b * b) * 2 % 1) < 1e-9,
    ),
    Problem(
        "How many square tiles with sides of {a} cm cover a kitchen floor of {b} m by {c} m exactly?",
        "One metre takes 100 ÷ {a} tiles; the floor takes {x} tiles.",
        {"a": (20, 25, 50), "b": (3, 4, 6), "c": (2, 5, 7)},
        lambda a, b, c: b * c * 10000 // (a * a),
    ),
)

NUMBERS: Sequence[Problem] = (
    Problem(
        "Work out {a} + {b} × ({c} − {d}).",
        "The bracket first, then the product, then the sum: {x}.",
        {"a": span(31, 88), "b": span(13, 19), "c": span(24, 40), "d": span(6, 17)},
        lambda a, b, c, d: a + b * (c - d),
    ),
    Problem(
        "What is the sum of all even numbers from {a} to {b}, both included?",
        "Pair the first with the last, the second with the second last, and so on: the sum is {x}.",
        {"a": (12, 18, 24), "b": (60, 78, 96)},
        lambda a, b: sum(range(a, b + 1, 2)),
    ),
    Problem(
        "Each term of a sequence is {a} times the term before it, minus {b}. The first term is {c}. "
        "What is the fourth term?",
        "Apply the rule three times, starting from {c}: the fourth term is {x}.",
        {"a": (2, 3), "b": (1, 2, 4), "c": span(4, 9)},
        lambda a, b, c: a * (a * (a * c - b) - b) - b,
    ),
    Problem(
        "Solve for y: ({a}y + {b}) / {c} = {d}",
        "{a}y = {d} × {c} − {b}, so y = {x}.",
        {"a": (3, 4, 6), "b": span(2, 20), "c": (2, 5, 7), "d": span(4, 16)},
        lambda a, b, c, d: (c * d - b) / a,
        lambda a, b, c, d: (c * d - b) % a == 0 and c * d > b,
    ),
    Problem(
        "The product of two consecutive positive whole numbers is {a}. What is the smaller one?",
        "The two numbers lie around the square root of {a}; the smaller one is {x}.",
        {"a": (462, 756, 992, 1482)},
        lambda a: math.isqrt(a),
        lambda a: math.isqrt(a) * (math.isqrt(a) + 1) == a,
    ),
    Problem(
        "What is the remainder when {a} to the power of {b} is divided by {c}?",
        "Reduce after every multiplication; the remainder is {x}.",
        {"a": (3, 5, 7), "b": (9, 11, 13), "c": (8, 11, 13)},
        lambda a, b, c: pow(a, b, c),
        lambda a, b, c: pow(a, b, c) > 1,
    ),
    Problem(
        "Write the hexadecimal number {a} as a decimal number.",
        "Each digit counts 16 times as much as the next: the decimal number is {x}.",
        {"a": ("2F", "B4", "1C7", "3A0")},
        lambda a: int(a, 16),
    ),
)

CHANCE: Sequence[Problem] = (
    Problem(
        "In how many different orders can {a} people queue at a counter if two of them insist on standing "
        "next to each other?",
        "Count the pair as one person in either order: 2 × ({a} − 1)! = {x} orders.",
        {"a": (5, 6, 7)},
        lambda a: 2 * math.factorial(a - 1),
    ),
    Problem(
        "A bag holds {a} green and {b} yellow sweets. Two are taken out without looking. "
        "What is the probability that both are green? Give a decimal, to two places.",
        "{a}/({a} + {b}) × ({a} − 1)/({a} + {b} − 1) is about {x}.",
        {"a": span(4, 8), "b": span(3, 6)},
        lambda a, b: a * (a - 1) / ((a + b) * (a + b - 1)),
        digits=2,
    ),
    Problem(
        "The mean of {a} test scores is {b}. When the lowest score, {c}, is dropped, what is the mean of the others?",
        "({a} × {b} − {c}) ÷ ({a} − 1) = {x}, so the new mean is {x}.",
        {"a": (6, 8, 9), "b": span(68, 80), "c": span(40, 58)},
        lambda a, b, c: (a * b - c) / (a - 1),
        lambda a, b, c: (a * b - c) % (a - 1) == 0,
    ),
    Problem(
        "A committee of 3 is chosen from {a} women and {b} men. How many different committees have "
        "at least one woman and at least one man?",
        "All committees minus those of one kind only: there are {x}.",
        {"a": span(4, 7), "b": span(4, 7)},
        lambda a, b: math.comb(a + b, 3) - math.comb(a, 3) - math.comb(b, 3),
        lambda a, b: a != b,
    ),
)
