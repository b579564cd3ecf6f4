"""Numbers and signs in a Chinese sentence as words: rules in the order in which they apply.

Each rule turns what it recognizes into words without digits, so that the rules after it leave it alone. What is more
particular comes first: a date before a range, a range before a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from belle.speech.speaking.text.chinese_numbers import cardinal, digits, number
from belle.speech.speaking.text.chinese_units import CURRENCIES, MEASURE_WORDS, UNITS

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_SCALE = "[十百千万亿兆]*"
_TO = r"\s*(?:-|–|—|~|～|〜|至|到)\s*"
_START = r"(?<![\dA-Za-z.])"
# Not inside a longer number: neither a digit nor a decimal point follows.
_END = r"(?!\d|\.\d)"


class WordRule(NamedTuple):
    """`said` is given the match, and returns the words."""

    pattern: re.Pattern[str]
    said: Callable[[re.Match[str]], str]


def _rule(pattern: str, said: Callable[[re.Match[str]], str]) -> WordRule:
    return WordRule(re.compile(pattern), said)


# Dates and times


def _date(match: re.Match[str]) -> str:
    year, month, day = match["year"], int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{digits(year)}年{cardinal(month)}月{cardinal(day)}日"


def _time(match: re.Match[str]) -> str:
    hour, minute, second = int(match["hour"]), int(match["minute"]), match["second"]
    half = {"": "", "a": "上午", "p": "下午"}[(match["half"] or "")[:1].casefold()]
    said = f"{'两' if hour == 2 else cardinal(hour)}点"
    if minute or second:
        said += ("零" if 0 < minute < 10 else "") + f"{cardinal(minute)}分"
    if second:
        said += ("零" if 0 < int(second) < 10 else "") + f"{cardinal(int(second))}秒"
    return half + said


_CLOCK = r"(?P<hour>[01]?\d|2[0-4])[:：](?P<minute>[0-5]\d)(?:[:：](?P<second>[0-5]\d))?(?![\d:：])"

_DATES = (
    _rule(rf"{_START}(?P<year>\d{{4}})(?P<sign>[-/.])(?P<month>\d{{1,2}})(?P=sign)(?P<day>\d{{1,2}}){_END}", _date),
    _rule(
        rf"{_START}(?P<year>[12]\d{{3}})-(?P<month>0[1-9]|1[0-2])(?![-\d年月])",
        lambda match: f"{digits(match['year'])}年{cardinal(int(match['month']))}月",
    ),
    # Two years of a span; the first one has no 年 of its own.
    _rule(
        rf"{_START}(?P<first>\d{{4}})(?:年)?{_TO}(?P<last>\d{{4}})年",
        lambda match: f"{digits(match['first'])}年到{digits(match['last'])}年",
    ),
    _rule(
        rf"{_START}(?P<first>\d{{4}}){_TO}(?P<last>\d{{4}})(?=学年|年度|赛季|财年)",
        lambda match: f"{digits(match['first'])}到{digits(match['last'])}",
    ),
    _rule(rf"{_START}(?P<year>\d{{4}})(?=学年|年度|赛季|财年|[QH][1-4])", lambda match: digits(match["year"])),
    # A day that has become a name: 5·12.
    _rule(r"(?<!\d)(?P<month>\d{1,2})·(?P<day>\d{1,2})(?!\d)", lambda match: digits(match["month"] + match["day"])),
    # A year, but not a number of years: 1500年前, 2000多年, 3000年的历史.
    _rule(
        rf"{_START}(?P<year>\d{{4}})\s*年(?!(?:之|以)?[前后来间]|的?历史|以上|以下|左右|多|期)",
        lambda match: f"{digits(match['year'])}年",
    ),
    _rule(
        rf"{_START}(?P<year>\d{{2}})年(?=\d{{1,2}}月|[初底末春夏秋冬]|暑假|寒假)",
        lambda match: f"{digits(match['year'])}年",
    ),
    _rule(rf"{_START}(?P<decade>\d0)后", lambda match: f"{digits(match['decade'])}后"),
    _rule(
        rf"{_START}(?P<decade>\d0)年代",
        lambda match: f"{cardinal(int(match['decade']))}年代" if match["decade"] != "00" else "零零年代",
    ),
    _rule(rf"(?<=\d){_TO}(?={_CLOCK})", lambda _: "到"),
    _rule(rf"{_START}{_CLOCK}(?:\s*(?P<half>[aApP])(?:\.[mM]\.|[mM]\b))?", _time),
)

# Digits that are a name and not a quantity

_NAMED = (
    "电话|手机|号码|热线|拨打|致电|传真|编号|学号|工号|单号|卡号|账号|帐号|车牌|邮编|邮政编码|验证码|密码|口令|代码|"
    "识别码|序列号|身份证号?|房间号?|QQ|qq|ID|Id|id|tel|Tel|TEL"
)


def _telephone(match: re.Match[str]) -> str:
    groups = re.findall(r"\+?\d+", match[0])
    return "，".join(("加" if group[0] == "+" else "") + digits(group.lstrip("+"), one="幺") for group in groups)


def _dotted(match: re.Match[str]) -> str:
    parts = match[0].split(".")
    is_address = len(parts) == 4 and all(int(part) < 256 for part in parts)
    return "点".join(digits(part) if is_address or part.startswith("0") else cardinal(int(part)) for part in parts)


def _long(match: re.Match[str]) -> str:
    text = match[0]
    return text if text.endswith("000") else digits(text, one="幺" if len(text) == 11 else "一")


_CODES = (
    _rule(
        rf"{_START}(?P<number>\d+(?:\.\d+)?)[eE](?P<power>[-+]?\d+)(?![A-Za-z\d])",
        lambda match: f"{number(match['number'])}乘以十的{number(match['power'])}次方",
    ),
    _rule(rf"{_START}(?:\+\d{{1,3}}[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}(?!\d)", _telephone),
    _rule(rf"{_START}(?:\+\d{{1,3}}[ -]?)?0\d{{2,3}}[ -]\d{{7,8}}(?:-\d{{1,4}})?(?!\d)", _telephone),
    _rule(rf"{_START}(?:400|800)[ -]?\d{{3,4}}[ -]?\d{{3,4}}(?!\d)", _telephone),
    _rule(
        rf"(?P<name>{_NAMED})(?P<link>\s*(?:号码|号|是|为|:|：)*\s*)(?P<code>\d{{3,}})(?![\d.]|{_SCALE}[个元块])",
        lambda match: match["name"] + match["link"] + digits(match["code"], one="幺"),
    ),
    _rule(rf"{_START}(?P<room>\d{{3,4}})(?=室|号房|房间)", lambda match: digits(match["room"])),
    _rule(r"(?<![\d.])\d+(?:\.\d+){2,}(?!\d)", _dotted),
    _rule(rf"{_START}\d{{9,}}(?![\d.]|\s*(?:{'|'.join(CURRENCIES.values())}|[人个次条名吨米克]))", _long),
)

# Quantities


def _temperature(match: re.Match[str]) -> str:
    scale = {"C": "摄氏度", "℃": "摄氏度", "F": "华氏度", "℉": "华氏度"}.get(match["scale"][-1], "度")
    return ("零下" if match["sign"] else "") + number(match["number"]) + scale


def _amount(match: re.Match[str]) -> str:
    return number(match["number"]) + match["scale"] + CURRENCIES[match["sign"]]


def _with_unit(match: re.Match[str]) -> str:
    unit = UNITS[match["unit"]]
    below = match["below"]
    said = number(match["number"]) + match["scale"]
    if said == "二":
        said = "两"
    return said + unit + (f"每{UNITS.get(below, below)}" if below else "")


_CURRENCY = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_SIGNED = rf"{_START}(?P<sign>[-−])?(?P<number>{NUMBER})"

_QUANTITIES = (
    _rule(
        rf"{_START}(?P<a>{NUMBER})%?{_TO}(?P<b>{NUMBER})%",
        lambda match: f"百分之{number(match['a'])}到百分之{number(match['b'])}",
    ),
    _rule(rf"{_SIGNED}\s*%", lambda match: ("负" if match["sign"] else "") + f"百分之{number(match['number'])}"),
    _rule(rf"{_SIGNED}\s*‰", lambda match: ("负" if match["sign"] else "") + f"千分之{number(match['number'])}"),
    _rule(
        rf"{_START}(?P<sign>[-−])?(?P<a>{NUMBER})\s*(?:℃|°C)?{_TO}(?P<number>{NUMBER})\s*(?P<scale>℃|°\s?C|℉|°\s?F)",
        lambda match: ("零下" if match["sign"] else "") + number(match["a"]) + "到" + _temperature_behind(match),
    ),
    _rule(rf"{_SIGNED}\s*(?P<scale>℃|°\s?C|℉|°\s?F|°)(?![A-Za-z])", _temperature),
    _rule(
        rf"(?P<sign>{_CURRENCY})\s?(?P<a>{NUMBER}){_TO}(?:{_CURRENCY})?(?P<number>{NUMBER})(?P<scale>{_SCALE})",
        lambda match: f"{number(match['a'])}到{_amount(match)}",
    ),
    _rule(rf"(?P<sign>{_CURRENCY})\s?(?P<number>{NUMBER})(?P<scale>{_SCALE})元?", _amount),
    _rule(rf"{_START}(?P<number>{NUMBER})[wW]\+", lambda match: f"{number(match['number'])}万多"),
    _rule(rf"{_START}(?P<number>{NUMBER})(?P<scale>{_SCALE})\s?(?P<sign>{_CURRENCY})(?![A-Za-z\d])", _amount),
    _rule(
        rf"{_START}(?P<a>{NUMBER})(?:{_UNIT})?{_TO}(?=(?:{NUMBER}){_SCALE}\s?(?:{_UNIT})(?![A-Za-z\d]))",
        lambda match: f"{number(match['a'])}到",
    ),
    _rule(
        rf"(?<![\dA-Za-z.])(?P<number>{NUMBER})(?P<scale>{_SCALE})\s?(?P<unit>{_UNIT})"
        rf"(?:/(?P<below>{_UNIT}|[斤个人次天年月秒分]))?(?![A-Za-z\d²³])",
        _with_unit,
    ),
)


def _temperature_behind(match: re.Match[str]) -> str:
    scale = "华氏度" if match["scale"][-1] in "F℉" else "摄氏度"
    return number(match["number"]) + scale


# Signs between numbers

_OPERATORS = {
    "+": "加",
    "-": "减",
    "−": "减",
    "×": "乘以",
    "*": "乘以",
    "x": "乘以",
    "÷": "除以",
    "/": "除以",
    "=": "等于",
}
_SIGNS = {
    "≈": "约等于", "≠": "不等于", "≥": "大于等于", "≤": "小于等于", ">=": "大于等于", "<=": "小于等于",
    "!=": "不等于", "±": "正负", "×": "乘以", "÷": "除以", "=": "等于", ">": "大于", "<": "小于", "√": "根号",
    "∞": "无穷大", "π": "派", "∑": "求和", "&": "和", "+": "加",
}  # fmt: skip
_OPERAND = rf"[-−]?(?:{NUMBER}|[a-zA-Z])(?:\^\d+)?"
_EXPRESSION = rf"(?<![\dA-Za-z.])\(?{_OPERAND}\)?(?:\s*[-−+×*÷/x]\s*\(?{_OPERAND}\)?)+\s*=\s*(?:{_OPERAND}|[?？])?"


def _expression(match: re.Match[str]) -> str:
    """A calculation: here a hyphen takes away, and a slash divides."""
    words: list[str] = []
    for part in re.findall(rf"(?:{NUMBER})|[a-zA-Z]|\S", match[0]):
        is_behind_operator = not words or words[-1] in _OPERATORS.values()
        if is_behind_operator and part in ("-", "−"):
            words.append("负")
        elif is_behind_operator:
            words.append(part)  # also an x that is a number not known
        else:
            words.append(_OPERATORS.get(part, part))
    return "".join(words)


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match["above"]), int(match["below"])
    return f"{cardinal(below)}分之{cardinal(above)}" if below > 0 else match[0]


_POWERS = {"2": "平方", "3": "立方"}

_BETWEEN = (
    _rule(_EXPRESSION, _expression),
    _rule(
        rf"(?P<base>{NUMBER}|[A-Za-z])\^\(?(?P<power>-?\d+)\)?",
        lambda match: (
            match["base"]
            + ("的" + _POWERS[match["power"]] if match["power"] in _POWERS else f"的{number(match['power'])}次方")
        ),
    ),
    _rule(r"(?P<above>(?<![\d./A-Za-z])\d{1,4})/(?P<below>\d{1,4})(?![\d./A-Za-z])", _fraction),
    _rule(
        rf"{_START}(?P<a>\d+)\s?[:：]\s?(?P<b>\d+(?:\.\d+)?)(?![\d:：])",
        lambda match: f"{number(match['a'])}比{number(match['b'])}",
    ),
    # A sign at the beginning of a number.
    _rule(r"(?<![\w.)）])[-−](?=\d)", lambda _: "负"),
    _rule(r"(?<=[为是到于达至])[-−](?=\d)", lambda _: "负"),
    _rule(rf"{_START}2{_TO}(?=\d+\s?(?:{MEASURE_WORDS}))", lambda _: "两到"),
    _rule(
        rf"{_START}(?P<a>{NUMBER})(?P<word>[年月日号点分秒天个人次元岁]?){_TO}(?=[-−]?\d)",
        lambda match: f"{number(match['a'])}{match['word']}到",
    ),
    _rule(rf"{_START}(?P<a>{NUMBER})\s?[×xX*]\s?(?=\d)", lambda match: f"{number(match['a'])}乘"),
    _rule(
        rf"{_START}(?P<number>{NUMBER})(?P<scale>{_SCALE})\+(?!\d)",
        lambda match: f"{number(match['number'])}{match['scale']}多",
    ),
    _rule(r"(?:~|～|约)\s?(?=\d)", lambda _: "约"),
    _rule(r"(?:No\.|NO\.|no\.|№)\s?(?P<number>\d+)", lambda match: f"第{cardinal(int(match['number']))}号"),
)

# What is left: numbers, and signs that are said

_REST = (
    # Behind a Chinese character a hyphen joins a name: 歼-20.
    _rule(r"(?<=[\u4e00-\u9fff])[-−](?=\d)", lambda _: ""),
    # Behind letters: a short number is one (A4, GPT-4), a long one is a name (MH370, G1234).
    _rule(
        r"(?<=[A-Za-z])[ -]?(?P<code>\d+)(?![\d.,]*\d|[A-Za-z%])",
        lambda match: (
            digits(match["code"]) if len(match["code"]) > 2 or match["code"][0] == "0" else number(match["code"])
        ),
    ),
    _rule(r"第\s?(?P<number>\d+)", lambda match: f"第{number(match['number'])}"),
    _rule(rf"(?<![\dA-Za-z.第])2(?=\s?(?:{MEASURE_WORDS}))", lambda _: "两"),
    _rule(rf"{NUMBER}", lambda match: number(match[0])),
    _rule("|".join(sorted(map(re.escape, _SIGNS), key=len, reverse=True)), lambda match: _SIGNS[match[0]]),
    _rule(r"(?<=[A-Za-z0-9_])@(?=[A-Za-z0-9])", lambda _: "艾特"),
    _rule(r"(?<=\w)\.(?=[A-Za-z]{2,}\b)", lambda _: "点"),
)

_RULES = (*_DATES, *_CODES, *_QUANTITIES, *_BETWEEN, *_REST)


def words(text: str) -> str:
    """`text` with its numbers and signs in words, in which no digit is left."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text
