"""Numbers in words, in Chinese and in English."""

from __future__ import annotations

_ZH = "零一二三四五六七八九"
_EN = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def zh(number: int) -> str:
    """A number below 1,000 in Chinese words."""
    if number < 10:
        return _ZH[number]
    if number < 20:
        return "十" + (_ZH[number % 10] if number % 10 else "")
    if number < 100:
        return _ZH[number // 10] + "十" + (_ZH[number % 10] if number % 10 else "")
    hundreds, rest = divmod(number, 100)
    head = _ZH[hundreds] + "百"
    if not rest:
        return head
    if rest < 10:
        return head + "零" + _ZH[rest]
    return head + ("一" if rest < 20 else "") + zh(rest)


def zh_count(number: int) -> str:
    """A number as it stands before a measure word: two is 两 there."""
    return "两" if number == 2 else zh(number)


def en(number: int) -> str:
    """A number below 1,000 in English words."""
    if number < 20:
        return _EN[number]
    if number < 100:
        ten, one = divmod(number, 10)
        return _TENS[ten - 2] + (f"-{_EN[one]}" if one else "")
    hundreds, rest = divmod(number, 100)
    return f"{_EN[hundreds]} hundred" + (f" and {en(rest)}" if rest else "")
