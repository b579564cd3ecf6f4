"""Numbers as they are said in Chinese."""

from __future__ import annotations

_DIGITS = "零一二三四五六七八九"
_UNITS = ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十"))
_FIRST_UNSAID = 10**16
"""From here on nobody says a number as one: its digits are read."""


def cardinal(value: int) -> str:
    """A number that counts: 10 is 十, 10010 is 一万零一十, 2200 is 两千二百; 2 alone is 二."""
    if value < 0:
        return "负" + cardinal(-value)
    if value >= _FIRST_UNSAID:
        return digits(str(value))
    words = _read(value)
    if words.startswith("二百"):
        words = "两百" + words[2:]
    # “一十” only inside a number: 110 is 一百一十, 12 is 十二.
    return words.removeprefix("一") if words.startswith("一十") else words


def digits(text: str, *, one: str = "一") -> str:
    """Digits one by one. `one` is 幺 where 一 could be taken for 七, as in telephone numbers."""
    return "".join(one if digit == "1" else _DIGITS[int(digit)] for digit in text)


def number(text: str) -> str:
    """A number as it is written: an optional sign, digits, perhaps with commas, perhaps with a decimal point.

    A leading zero says that it is a code and no quantity: its digits are read.
    """
    sign = "负" if text[:1] in ("-", "−") else ""
    whole, point, fraction = text.lstrip("+-−").replace(",", "").partition(".")
    said = digits(whole) if len(whole) > 1 and whole.startswith("0") else cardinal(int(whole or "0"))
    return sign + said + (f"点{digits(fraction)}" if point else "")


def _read(value: int) -> str:
    """The words, with 一 also before a leading 十."""
    for size, unit in _UNITS:
        if value >= size:
            head, rest = divmod(value, size)
            # 二千 and 二万 are said 两千 and 两万.
            said = "两" if head == 2 and size >= 1000 else _read(head)
            zero = "零" if 0 < rest < size // 10 else ""
            return said + unit + zero + (_read(rest) if rest else "")
    return _DIGITS[value]
