"""The language of a conversation, in which a model is instructed."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "zh"]

_CHINESE = re.compile("[\u3400-\u9fff]")


def language_of(text: str) -> Language:
    """Chinese where the text has a Chinese character, otherwise English."""
    return "zh" if _CHINESE.search(text) else "en"
