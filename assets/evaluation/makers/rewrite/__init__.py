"""The class `rewrite`: texts to be put in another form, under conditions that can be checked.

Half of the answers are computed (another order, other names, another format). The others may be put in many ways; what
has to stand in them, what must not, and how long they may be is checked, and the rest is left to the rubric.
"""

from __future__ import annotations

from assets.evaluation.makers.draft import Draft
from assets.evaluation.makers.rewrite import computed_en, computed_zh, format_zh, shaped_en, style_zh, wording_zh


def drafts() -> list[Draft]:
    """All items of the class."""
    zh = [draft for maker in (*computed_zh.MAKERS, *format_zh.MAKERS) for draft in maker()]
    en = [draft for maker in computed_en.MAKERS for draft in maker()]
    return [*zh, *wording_zh.ITEMS, *style_zh.ITEMS, *en, *shaped_en.ITEMS]
