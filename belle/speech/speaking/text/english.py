"""Numbers and signs in an English sentence as words: rules in the order in which they apply, as in `chinese`."""

from __future__ import annotations

import re
from collections.abc import Callable

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_UNITS = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer", "mi": "mile",
    "ft": "foot", "kg": "kilogram", "g": "gram", "mg": "milligram", "t": "ton", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "L": "liter", "l": "liter", "ml": "milliliter", "mL": "milliliter", "h": "hour", "hr": "hour",
    "min": "minute", "s": "second", "sec": "second", "ms": "millisecond", "Hz": "hertz", "kHz": "kilohertz",
    "MHz": "megahertz", "GHz": "gigahertz", "W": "watt", "kW": "kilowatt", "kWh": "kilowatt hour", "V": "volt",
    "mAh": "milliamp hour", "dB": "decibel", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte",
    "TB": "terabyte", "GiB": "gibibyte", "MiB": "mebibyte", "px": "pixel", "kcal": "kilocalorie",
}  # fmt: skip
_SPEEDS = {
    "km/h": "kilometers per hour",
    "m/s": "meters per second",
    "mph": "miles per hour",
    "fps": "frames per second",
}
_CURRENCIES = {"$": ("dollar", "cent"), "US$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"),
               "¥": ("yuan", "fen")}  # fmt: skip
_SAME_PLURAL = {"hertz", "kilohertz", "megahertz", "gigahertz", "yuan", "fen"}
_PLURALS = {"foot": "feet", "penny": "pence"}
_FIRST_UNSAID = 10**15


def cardinal(value: int) -> str:
    """A number that counts, such as `one hundred and five`."""
    if value >= _FIRST_UNSAID:
        return digits(str(value))
    for size, name in _SCALES:
        if value >= size:
            head, rest = divmod(value, size)
            link = " and " if 0 < rest < 100 else " "
            return f"{cardinal(head)} {name}" + (link + cardinal(rest) if rest else "")
    if value < 20:
        return _ONES[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def ordinal(value: int) -> str:
    """A number that says which: `twenty-first`."""
    head, last = re.fullmatch(r"(.*?)([a-z]+)", cardinal(value)).groups()  # type: ignore[union-attr]
    return head + _ORDINALS.get(last, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def year(value: int) -> str:
    """A year: `nineteen eighty-four`, `two thousand and one`, `twenty twenty-six`."""
    head, rest = divmod(value, 100)
    if value < 1000 or value >= 10_000 or 2000 <= value < 2010 or (head % 10 == 0 and rest < 10):
        return cardinal(value)
    return f"{cardinal(head)} " + ("hundred" if rest == 0 else f"oh {_ONES[rest]}" if rest < 10 else cardinal(rest))


def digits(text: str) -> str:
    """Digits one by one."""
    return " ".join(_ONES[int(digit)] for digit in text)


def number(text: str) -> str:
    """A number as it is written: digits, perhaps with commas and a decimal point."""
    whole, point, fraction = text.replace(",", "").partition(".")
    said = digits(whole) if len(whole) > 1 and whole.startswith("0") else cardinal(int(whole or "0"))
    return said + (f" point {digits(fraction)}" if point else "")


NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_START = r"(?<![\w.])"


def _plural(name: str, amount: str) -> str:
    if amount == "1" or name in _SAME_PLURAL:
        return name
    head, _, last = name.rpartition(" ")
    return f"{head} {_PLURALS.get(last, last + 's')}".strip()


def _money(match: re.Match[str]) -> str:
    unit, part = _CURRENCIES[match["sign"]]
    whole, _, cents = match["number"].partition(".")
    if match["scale"]:
        return f"{number(match['number'])} {match['scale']} {_plural(unit, '2')}"
    said = f"{number(whole)} {_plural(unit, whole)}"
    if len(cents) == 2 and cents != "00":
        return f"{said} and {cardinal(int(cents))} {_plural(part, str(int(cents)))}"
    return said if not cents or cents == "00" else f"{number(match['number'])} {_plural(unit, '2')}"


def _time(match: re.Match[str]) -> str:
    hour, minute = cardinal(int(match[1])), int(match[2])
    said = (
        hour
        if minute == 0 and match[3]
        else f"{hour} o'clock"
        if minute == 0
        else (f"{hour} oh {_ONES[minute]}" if minute < 10 else f"{hour} {cardinal(minute)}")
    )
    return said + (f" {match[3][0].upper()}M" if match[3] else "")


def _date(match: re.Match[str]) -> str:
    month, day = int(match[3]), int(match[4])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(int(match[1]))}"


def _number(match: re.Match[str]) -> str:
    text = match[0]
    if "," not in text and "." not in text and len(text) >= 9:
        return digits(text)
    return number(text)


_MONTH_NAMES = "|".join((*_MONTHS, *(month[:3] for month in _MONTHS)))
_SIGNS = {
    "≈": " is about ", "≠": " is not ", "≥": " at least ", "≤": " at most ", "±": " plus or minus ", "×": " times ",
    "÷": " divided by ", "=": " equals ", "&": " and ", "→": " to ", "+": " plus ", "~": " about ",
}  # fmt: skip


def _temperature(match: re.Match[str]) -> str:
    scale = {"C": " Celsius", "F": " Fahrenheit"}.get(match[2] or "", "")
    return f"{number(match[1])} {_plural('degree', match[1])}{scale}"


def _span_part(text: str) -> str:
    return year(int(text)) if re.fullmatch(r"1[1-9]\d\d|20\d\d", text) else number(text)


def _decade(tens: int) -> str:
    """The plural of a ten: `nineties`."""
    return "tens" if tens == 1 else f"{_TENS[tens - 2][:-1]}ies" if tens >= 2 else "hundreds"


def _part(below: int) -> str:
    return "quarter" if below == 4 else ordinal(below)


_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_SPEED_NAMES = "|".join(map(re.escape, _SPEEDS))
_TO = r"\s?[-–—]\s?"


def _rule(pattern: str, said: Callable[[re.Match[str]], str]) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    return re.compile(pattern), said


_RULES = (
    _rule(rf"{_START}(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}})(?![\d.]\d)", _date),
    _rule(
        rf"\b({_MONTH_NAMES})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b",
        lambda m: f"{m[1]} {ordinal(int(m[2]))}, {year(int(m[3]))}",
    ),
    _rule(rf"\b({_MONTH_NAMES})\.? (\d{{1,2}})\b(?!\d)", lambda m: f"{m[1]} {ordinal(int(m[2]))}"),
    _rule(rf"{_START}([01]?\d|2[0-3]):([0-5]\d)(?!:)\s?([aApP]\.[mM]\.|[aApP][mM]\b)?", _time),
    _rule(
        rf"{_START}(?:\+?\d{{1,3}}[- ])?\(?\d{{3}}\)?[- ]\d{{3,4}}[- ]\d{{4}}\b",
        lambda m: ", ".join(digits(group) for group in re.findall(r"\d+", m[0])),
    ),
    _rule(r"(?<![\d.])\d+(?:\.\d+){2,}", lambda m: " point ".join(number(part) for part in m[0].split("."))),
    _rule(rf"(?P<sign>US\$|[$€£¥])\s?(?P<number>{NUMBER})(?:\s?(?P<scale>thousand|million|billion|trillion))?", _money),
    _rule(rf"{_START}({NUMBER})\s?%?{_TO}({NUMBER})\s?%", lambda m: f"{number(m[1])} to {number(m[2])} percent"),
    _rule(r"\b(\d{2})00s\b", lambda m: f"{cardinal(int(m[1]))} hundreds"),
    _rule(r"\b(\d{2}|)([1-9])0s\b", lambda m: f"{cardinal(int(m[1])) + ' ' if m[1] else ''}{_decade(int(m[2]))}"),
    _rule(rf"(?<![\w.])[-−]({NUMBER})", lambda m: f"minus {m[1]}"),
    _rule(rf"({NUMBER})\s?%", lambda m: f"{number(m[1])} percent"),
    _rule(rf"({NUMBER})\s?°\s?([CF])?(?![A-Za-z])", _temperature),
    _rule(rf"{_START}({NUMBER})\s?({_SPEED_NAMES})\b", lambda m: f"{number(m[1])} {_SPEEDS[m[2]]}"),
    _rule(rf"{_START}({NUMBER}){_TO}(?=(?:{NUMBER})\s?[A-Za-z]*\b)", lambda m: f"{_span_part(m[1])} to "),
    _rule(rf"{_START}({NUMBER})\s?({_UNIT_NAMES})\b", lambda m: f"{number(m[1])} {_plural(_UNITS[m[2]], m[1])}"),
    _rule(r"\b(\d{1,9})(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1]))),
    _rule(r"(?<![\d.,$])(1[1-9]\d\d|20\d\d)(?![\d.,]*\d|\s?[A-Za-z]+s\b)", lambda m: year(int(m[1]))),
    _rule(r"(?<![\d./])1/2(?![\d./])", lambda _: "one half"),
    _rule(
        r"(?<![\d./])(\d)/([3-9]|10)(?![\d./])",
        lambda m: f"{cardinal(int(m[1]))} {_plural(_part(int(m[2])), m[1])}",
    ),
    _rule(NUMBER, lambda m: f" {_number(m)} "),
    _rule("[" + re.escape("".join(_SIGNS)) + "]", lambda m: _SIGNS[m[0]]),
    _rule(r"(?<=\w)@(?=\w)", lambda _: " at "),
    _rule(r"(?<=\w)\.(?=[A-Za-z]{2,}\b)", lambda _: " dot "),
)


def words(text: str) -> str:
    """`text` with its numbers and signs in words, in which no digit is left."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text
