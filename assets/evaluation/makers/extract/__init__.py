"""The class `extract`: texts written from records that are drawn, so that what stands in them is known.

Each kind of text has its own function: it draws a record, writes it down as people do, and returns what can be asked
about it. Every question of a kind is asked about another record.
"""

from __future__ import annotations

from assets.evaluation.makers.draft import Draft
from assets.evaluation.makers.extract import notices_zh, papers_zh, records_en, shopping_zh
from assets.evaluation.makers.extract.record import every_question

_ZH = (*shopping_zh.KINDS, *notices_zh.KINDS, *papers_zh.KINDS)


def drafts() -> list[Draft]:
    """All items of the class."""
    zh = [draft for kind in _ZH for draft in every_question("zh", kind)]
    return zh + [draft for kind in records_en.KINDS for draft in every_question("en", kind)]
