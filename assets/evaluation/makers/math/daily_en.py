"""Everyday sums in English, shares and percentages, time and speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from assets.evaluation.makers.math.problem import Problem, span

EVERYDAY: Sequence[Problem] = (
    Problem(
        "A bakery fills {a} trays with {b} buns each. By noon {c} buns are sold and {d} are given to the staff. "
        "How many buns are left?",
        "{a} × {b} − {c} − {d} = {x}, so {x} buns are left.",
        {"a": span(14, 26), "b": span(18, 30), "c": span(150, 240), "d": span(8, 19)},
        lambda a, b, c, d: a * b - c - d,
        lambda a, b, c, d: a * b > c + d + 20,
    ),
    Problem(
        "Nadia saves {a} dollars a week. She already has {b} dollars and wants a camera that costs {c} dollars. "
        "After how many weeks can she buy it?",
        "She needs {c} − {b} dollars more; divided by {a} and rounded up that is {x} weeks.",
        {"a": (15, 18, 25), "b": span(40, 95, 5), "c": span(310, 480, 10)},
        lambda a, b, c: math.ceil((c - b) / a),
        lambda a, b, c: (c - b) % a != 0,
    ),
    Problem(
        "A coach seats {a} passengers. How many coaches does a school need to take {b} pupils and {c} teachers "
        "on the same trip?",
        "({b} + {c}) ÷ {a}, rounded up, is {x}. It needs {x} coaches.",
        {"a": (44, 48, 52), "b": span(210, 390), "c": span(11, 19)},
        lambda a, b, c: math.ceil((b + c) / a),
        lambda a, b, c: 0 < (b + c) % a < 12,
    ),
    Problem(
        "Two pens and three notebooks cost {a} pounds; one pen and one notebook cost {b} pounds. "
        "What does a notebook cost, in pounds?",
        "Take twice the second price from the first: {a} − 2 × {b} = {x}, so a notebook costs {x} pounds.",
        {"a": (11, 13, 16, 19), "b": (4, 5, 6, 7)},
        lambda a, b: a - 2 * b,
        lambda a, b: 0 < a - 2 * b < b,
    ),
    Problem(
        "A plumber charges a call-out fee of {a} euros plus {b} euros for every started half hour. "
        "What does a job of {c} minutes cost, in euros?",
        "{c} minutes are counted as the next full half hours; the job costs {x} euros.",
        {"a": (35, 40, 45), "b": (22, 26, 28), "c": (70, 95, 100, 130)},
        lambda a, b, c: a + b * math.ceil(c / 30),
    ),
    Problem(
        "Grandpa is {a} years old and his granddaughter is {b}. In how many years will he be exactly {c} times as old?",
        "Solve {a} + x = {c} × ({b} + x); x is {x}. In {x} years.",
        {"a": span(58, 75), "b": span(6, 13), "c": (4, 5)},
        lambda a, b, c: (a - c * b) // (c - 1),
        lambda a, b, c: a - c * b > 3 and (a - c * b) % (c - 1) == 0,
    ),
    Problem(
        "A choir of {a} singers stands in equal rows of {b}, and the last row has only the rest. "
        "How many singers stand in the last row?",
        "The remainder of {a} divided by {b} is {x}, so {x} singers stand there.",
        {"a": span(95, 140), "b": (9, 11, 13)},
        lambda a, b: a % b,
        lambda a, b: a % b > 2,
    ),
)

SHARES: Sequence[Problem] = (
    Problem(
        "A coat costs {a} euros. In the sale it is reduced by {b} percent, and a loyalty card takes another "
        "{c} percent off the reduced price. What is the final price in euros?",
        "{a} × (1 − {b}/100) × (1 − {c}/100) = {x}. The final price is {x} euros.",
        {"a": (120, 160, 200, 240), "b": (20, 25, 30), "c": (5, 10)},
        lambda a, b, c: a * (100 - b) * (100 - c) / 10000,
    ),
    Problem(
        "Three partners share a profit of {a} dollars in the ratio {b}:{c}:{d}. "
        "How many dollars does the partner with the largest share get?",
        "{a} ÷ ({b} + {c} + {d}) × {d} = {x}, so the largest share is {x} dollars.",
        {"a": span(1800, 5400, 120), "b": (2, 3), "c": (4, 5), "d": (6, 7)},
        lambda a, b, c, d: a * d // (b + c + d),
        lambda a, b, c, d: a % (b + c + d) == 0,
    ),
    Problem(
        "In a survey, {a} of {b} households said they compost their kitchen waste. "
        "What percentage is that, to one decimal place?",
        "{a} ÷ {b} × 100 is about {x}, so it is {x} percent.",
        {"a": span(110, 290), "b": (340, 460, 620)},
        lambda a, b: a / b * 100,
        digits=1,
    ),
    Problem(
        "A tank is {a}/{b} full. After {c} litres are drawn off it is exactly half full. "
        "How many litres does the tank hold?",
        "{a}/{b} − 1/2 of the tank is {c} litres, so it holds {x} litres.",
        {"a": (3, 4, 5, 7), "b": (4, 5, 6, 8), "c": span(12, 60, 6)},
        lambda a, b, c: c * 2 * b / (2 * a - b),
        lambda a, b, c: b > a and 2 * a > b and math.gcd(a, b) == 1 and (2 * b * c) % (2 * a - b) == 0,
    ),
    Problem(
        "A price that includes {a} percent sales tax is {b} dollars. How many dollars of it are tax?",
        "Without tax it is {b} ÷ 1.{a:0>2} dollars; the tax is {x} dollars.",
        {"a": (20, 25, 10), "b": (66, 150, 165, 240, 330)},
        lambda a, b: b * a / (100 + a),
        lambda a, b: (b * a) % (100 + a) == 0,
    ),
    Problem(
        "To paint a hall, {a} tins of blue are mixed with {b} tins of white. The decorator has {c} tins of white. "
        "How many tins of blue does she need for the same shade?",
        "{c} ÷ {b} × {a} = {x}, so she needs {x} tins.",
        {"a": (2, 3, 5), "b": (4, 6, 8), "c": span(20, 56, 4)},
        lambda a, b, c: c * a / b,
        lambda a, b, c: (c * a) % b == 0 and math.gcd(a, b) == 1,
    ),
)

TIME: Sequence[Problem] = (
    Problem(
        "How many days are there from {a} March 2023 to {b} July 2023, counting the first day but not the last?",
        "Add the days of the months in between; there are {x} days.",
        {"a": span(4, 27), "b": span(3, 28)},
        lambda a, b: (date(2023, 7, b) - date(2023, 3, a)).days,
    ),
    Problem(
        "A cyclist rides {a} km at {b} km/h and then {c} km at {d} km/h. How many minutes does the ride take in all?",
        "{a}/{b} hours plus {c}/{d} hours are {x} minutes.",
        {"a": (9, 12, 15, 18), "b": (18, 20, 24), "c": (8, 10, 14), "d": (12, 15, 16)},
        lambda a, b, c, d: 60 * (a / b + c / d),
        lambda a, b, c, d: (60 * a) % b == 0 and (60 * c) % d == 0,
    ),
    Problem(
        "A lighthouse flashes every {a} seconds, a buoy every {b} seconds. They flash together at midnight. "
        "How many times do they flash together in the following hour, not counting midnight itself?",
        "They flash together every lcm({a}, {b}) seconds, and 3600 seconds have room for that {x} times.",
        {"a": (12, 15, 18), "b": (20, 25, 40, 50)},
        lambda a, b: 3600 // math.lcm(a, b),
    ),
    Problem(
        "A bus leaves every {a} minutes from 6:10 in the morning on. Maya reaches the stop at {b}:{c:0>2}. "
        "How many minutes does she wait for the next bus?",
        "Count on from 6:10 in steps of {a} minutes; she waits {x} minutes.",
        {"a": (14, 18, 22), "b": (8, 9, 10), "c": span(5, 50, 5)},
        lambda a, b, c: -(b * 60 + c - 370) % a,
        lambda a, b, c: -(b * 60 + c - 370) % a > 2,
    ),
    Problem(
        "Four machines need {a} hours to print an edition. How many hours do {b} machines of the same kind need?",
        "4 × {a} ÷ {b} = {x}, so they need {x} hours.",
        {"a": (9, 12, 15, 18), "b": (3, 5, 6, 8)},
        lambda a, b: 4 * a / b,
        lambda a, b: (8 * a) % b == 0,
    ),
    Problem(
        "A ship sails {a} nautical miles. With 1 nautical mile = 1.852 km, how many kilometres is that? "
        "Round to the nearest kilometre.",
        "{a} × 1.852 is about {x}, so it is {x} km.",
        {"a": span(140, 390, 10)},
        lambda a: a * 1.852,
        digits=0,
    ),
)
