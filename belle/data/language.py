"""Which language a text is in, as far as its script tells: enough to see what a data set is made of."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["zh", "en", "mixed", "ja", "ko", "other", "none"]

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_KANA = re.compile(r"[\u3041-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_LETTER = re.compile(r"[^\W\d_]")
_LONGEST = 4000


def language_of(text: str) -> Language:
    """The language of the first 4,000 characters; `mixed` is Chinese and Latin words, neither below a tenth.

    Latin script counts as `en`. A Chinese character weighs as much as a Latin word, so that a name in a Chinese
    sentence leaves it Chinese.
    """
    text = text[:_LONGEST]
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    letters = len(_LETTER.findall(text))
    if not letters:
        return "none"
    if len(_KANA.findall(text)) > 0.1 * letters:
        return "ja"
    if len(_HANGUL.findall(text)) > 0.1 * letters:
        return "ko"
    if han + latin == 0:
        return "other"
    share = han / (han + latin)
    if share >= 0.9:
        return "zh"
    return "mixed" if share >= 0.1 else "en"
