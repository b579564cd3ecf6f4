"""What of a transcript is compared: as BELLE's authors count characters, and as English words are counted.

Before both are counted, width is folded (NFKC), letters become small, punctuation goes, and traditional characters
become simplified ones, for Whisper writes either as it happens. What is said as a symbol (%, ℃, +) stays.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Literal

from belle.environment import check_packages

Unit = Literal["character", "word"]
"""What is counted: characters (character error rate, CER) or words (word error rate, WER)."""

_BETWEEN_WORDS = re.compile(r"[-‐‑–—/…]+")
_SPOKEN = "%‰&@#"  # which Unicode lists as punctuation
_CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


def units(text: str, unit: Unit) -> list[str]:
    """The characters of a text without spaces, or its words. Raises KnownError("missing_package")."""
    text = unicodedata.normalize("NFKC", _simplified(text)).casefold()
    if unit == "word":
        text = _BETWEEN_WORDS.sub(" ", text)
    counted = [character for character in text if character.isspace() or not _is_silent(character)]
    return "".join(counted).split() if unit == "word" else [c for c in counted if not c.isspace()]


def usual_unit(text: str) -> Unit:
    """Characters for a text with Chinese in it, words for any other."""
    return "character" if _CHINESE.search(text) else "word"


def _is_silent(character: str) -> bool:
    return character not in _SPOKEN and unicodedata.category(character).startswith(("P", "C"))


def _simplified(text: str) -> str:
    return str(_converter().convert(text)) if _CHINESE.search(text) else text


@cache
def _converter() -> Any:
    """OpenCC's conversion by words and characters. The tables take a tenth of a second to read."""
    check_packages("The character error rate", "opencc")
    import opencc

    return opencc.OpenCC("t2s")
