"""The class `math`: word problems and bare ones; every answer is computed."""

from __future__ import annotations

from assets.evaluation.makers.draft import Draft
from assets.evaluation.makers.math import daily_en, numbers_zh, shapes_en, shapes_zh, sums_zh

_ZH = (
    sums_zh.EVERYDAY,
    sums_zh.FRACTIONS,
    sums_zh.PERCENTAGES,
    sums_zh.UNITS,
    shapes_zh.TIME,
    shapes_zh.SHAPES,
    shapes_zh.MOTION,
    numbers_zh.NUMBERS,
    numbers_zh.CHANCE,
)
_EN = (daily_en.EVERYDAY, daily_en.SHARES, daily_en.TIME, shapes_en.SHAPES, shapes_en.NUMBERS, shapes_en.CHANCE)


def drafts() -> list[Draft]:
    """All items of the class."""
    zh = [draft for table in _ZH for problem in table for draft in problem.drafts("zh", "math")]
    return zh + [draft for table in _EN for problem in table for draft in problem.drafts("en", "math")]
