"""What a person who reads aloud does not see: emoji, signs of layout, the paths of addresses, full width of letters."""

from __future__ import annotations

import re

_URL = re.compile(
    r"(?:https?|ftp)://(?:www\.)?([^\s/?#:<>\"'，。！？；：、（）【】《》「」“”]+)[^\s<>\"'，。！？；：、（）【】《》「」“”]*"
)
_BARE_HOST = re.compile(
    r"(?<![\w@.])www\.([\w-]+(?:\.[\w-]+)+)(?:/[^\s<>\"'，。！？；：、（）【】《》「」“”]*)?", re.ASCII
)
# Pictographs, dingbats, flags, arrows and blocks that stand for pictures, and what joins and varies them.
_PICTURES = re.compile(
    "[\U0001f000-\U0001faff\U000e0020-\U000e007f\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff\u2500-\u257f"
    "\ufe00-\ufe0f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u20e3\ufeff\ufffc\ufffd]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Letters, digits and signs of numbers in full width; Chinese punctuation stays.
_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_FULL_WIDTH |= {
    ord(wide): ord(narrow) for wide, narrow in zip("％＋－＝＆＠＃＊／＜＞＄￡￥　", "%+-=&@#*/<>$£¥ ", strict=True)
}
_NUMERALS = {0x2160 + n: str(n + 1) for n in range(12)} | {0x2170 + n: str(n + 1) for n in range(12)}
_CIRCLED = {0x2460 + n: f"{n + 1}，" for n in range(20)}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER = re.compile("(?<=[0-9A-Za-z)）\u4e00-\u9fff])[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_LETTER = re.compile(r"\w")


def without_pictures(text: str) -> str:
    """`text` without emoji, control characters and invisible ones; addresses of pages keep the name of their host."""
    text = _URL.sub(r"\1", text)
    text = _BARE_HOST.sub(r"\1", text)
    return _CONTROLS.sub(" ", _PICTURES.sub("", text))


def plain_width(text: str) -> str:
    """`text` with letters, digits and signs in their usual width, circled numbers as numbers, powers as `^n`."""
    text = text.translate(_FULL_WIDTH).translate(_NUMERALS).translate(_CIRCLED)
    return _POWER.sub(lambda match: f"^{match[0].translate(_RAISED)}", text)


def has_words(text: str) -> bool:
    """Whether there is anything in `text` that can be said."""
    return _LETTER.search(text.replace("_", "")) is not None
