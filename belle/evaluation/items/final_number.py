r"""Finds the number that an answer ends in, whether it stands alone or after a page of reasoning.

The rules are few, so that a reader of a report can apply them by hand. Full-width characters become ordinary ones,
Markdown's marks and the exponents of units (`cm²`, `m^2`) go away, then the first rule that applies:
1. what follows the last `\boxed{`, `####`, “answer is”, “Answer:”, “答案是”, “答案：”, “答：”, as far as its sentence
   or line goes: the number after its last “=” or “≈”, else its first number;
2. the last number outside of parentheses in the last line that has one;
3. a Chinese numeral (三十二, 一百零五, 三点五), by the same two rules.
Digits that follow a letter (`cm2`, `G7237`) are no number, and an “=” that a calculation follows (`58 + x = 5 × 13`)
does not count. A number may have thousands separators, be a fraction (`3/4`, `\frac{3}{4}`), or end in 万 or 亿.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal

_NOISE = re.compile(r"[*`\\](?!boxed|d?frac)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_EXPONENT = re.compile(r"(?<=[A-Za-z\u3400-\u9fff}])(?:[²³]|\^\{?\d\}?)")
_FRACTION = re.compile(r"\\d?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_CLAIM = re.compile(
    r"\\boxed\s*\{|####|(?i:\banswer\b\s*(?:is\b|would\s+be\b|:)\s*:?)|(?:答案|结果)\s*(?:应该)?\s*(?:就|应)?\s*[是为:]+|答\s*:"
)
_CLAIM_END = re.compile(r"\n\s*\S|[。;；!？?]|\.(?=\s|$)|(?<=\d)\s*[(（]")
_PARENTHESES = re.compile(r"\([^()]*\)")
_NUMBER = re.compile(
    r"(?<![\d.A-Za-z])[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:\s*/\s*\d+(?![\d.]))?(?:\s*[万亿])?"
)
_CALCULATES = re.compile(r"\d\)?\s*(?:[×*÷+]|-\s*\d)")
_ZH_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_ZH_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_ZH_NUMBER = re.compile(r"负?(?:[零〇一二三四五六七八九两十百万亿]|千(?![克米瓦卡]))+(?:点[零〇一二三四五六七八九]+)?")


def final_number(answer: str) -> Decimal | None:
    """The number that `answer` ends in; None where it names none."""
    text = _EXPONENT.sub("", answer.replace("，", "、"))  # “6，600” are two numbers, “6,600” is one
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("{,}", "")
    text = _FRACTION.sub(r"\1/\2", _NOISE.sub("", text.replace("$", " ")))
    claims = list(_CLAIM.finditer(text))
    for numbers_of in (_numbers, _chinese_numbers):
        for claim in reversed(claims):
            after = text[claim.end() :].lstrip()
            end = _CLAIM_END.search(after)
            if (number := _claimed(after[: end.start()] if end else after, numbers_of)) is not None:
                return number
        for line in reversed(text.splitlines()):
            if numbers := numbers_of(_PARENTHESES.sub(" ", line)):
                return numbers[-1]
        if numbers := numbers_of(text):
            return numbers[-1]
    return None


def _claimed(text: str, numbers_of: Callable[[str], list[Decimal]]) -> Decimal | None:
    _, equals, after = text.rpartition("=") if text.rfind("=") >= text.rfind("≈") else text.rpartition("≈")
    numbers = numbers_of(after) if equals and not _CALCULATES.search(after) else []
    return next(iter(numbers or numbers_of(text)), None)


def _numbers(text: str) -> list[Decimal]:
    return [value for match in _NUMBER.finditer(text) if (value := _value(match[0])) is not None]


def _value(number: str) -> Decimal | None:
    bare = re.sub(r"[\s,]", "", number)
    scale = _ZH_UNITS.get(bare[-1], 1)
    above, _, below = bare.rstrip("万亿").partition("/")
    if below and not int(below):
        return None
    return Decimal(above) / Decimal(below or 1) * scale


def _chinese_numbers(text: str) -> list[Decimal]:
    return [_chinese_value(match[0]) for match in _ZH_NUMBER.finditer(text)]


def _chinese_value(numeral: str) -> Decimal:
    whole, _, decimals = numeral.removeprefix("负").partition("点")
    total, section, digit = 0, 0, 0  # of all, below the last 万 or 亿, not yet multiplied
    for character in whole:
        unit = _ZH_UNITS.get(character)
        if unit is None:
            # 二〇二四 is read digit by digit.
            digit = _ZH_DIGITS[character] + (digit * 10 if digit and not section else 0)
        elif unit < 10**4:
            section, digit = section + (digit or 1) * unit, 0
        else:
            total, section, digit = (total + section + digit) * unit, 0, 0
    value = Decimal(total + section + digit)
    if decimals:
        value += Decimal("0." + "".join(str(_ZH_DIGITS[character]) for character in decimals))
    return -value if numeral.startswith("负") else value
