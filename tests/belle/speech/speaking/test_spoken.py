"""What is seen becomes what is said: numbers, dates, times, units, money, codes, and nothing that is only looked at."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.speech.speaking.text import english
from belle.speech.speaking.text.chinese_numbers import cardinal, digits, number
from belle.speech.speaking.text.chinese_units import UNITS
from belle.speech.speaking.text.spoken import language_of, sentences_to_say, spoken

CHINESE = {
    # dates and years
    "2026年5月1日出发": "二零二六年五月一日出发",
    "2026-05-01发布": "二零二六年五月一日发布",
    "2026/5/1或2026.12.31": "二零二六年五月一日或二零二六年十二月三十一日",
    "从1998年到2005年": "从一九九八年到二零零五年",
    "2019-2020年": "二零一九年到二零二零年",
    "1500年前，有3000年的历史": "一千五百年前，有三千年的历史",
    "2022-2023学年，5·12": "二零二二到二零二三学年，五一二",
    "98年5月，90后，80年代": "九八年五月，九零后，八十年代",
    # times
    "14:05开始": "十四点零五分开始",
    "下午2:30": "下午两点三十分",
    "上午9点-11点": "上午九点到十一点",
    "早上8:00-10:00": "早上八点到十点",
    "12:30:05": "十二点三十分零五秒",
    "时间是3:30 PM。": "时间是下午三点三十分。",
    "比分3:2，屏幕16:9": "比分三比二，屏幕十六比九",
    # codes and telephones
    "请拨打13812345678": "请拨打幺三八幺二三四五六七八",
    "电话010-12345678": "电话零幺零，幺二三四五六七八",
    "报警请拨打110": "报警请拨打幺幺零",
    "验证码是308214": "验证码是三零八二幺四",
    "版本3.11.2": "版本三点十一点二",
    "地址192.168.1.1": "地址一九二点一六八点一点一",
    "乘坐G1234次列车": "乘坐G一二三四次列车",
    "GPT-4和5G网络": "GPT四和五G网络",
    "3楼302室": "三楼三零二室",
    "第007号": "第零零七号",
    # money
    "一共1,234,567元": "一共一百二十三万四千五百六十七元",
    "约合¥3.5亿": "约合三点五亿元",
    "¥50-100一张": "五十到一百元一张",
    "票价$100，或者20 USD": "票价一百美元，或者二十美元",
    # per cent, degrees
    "增长了12.5%": "增长了百分之十二点五",
    "占5%-10%，或者10-20%": "占百分之五到百分之十，或者百分之十到百分之二十",
    "气温-5℃到12℃": "气温零下五到十二摄氏度",
    "体温37.2°C": "体温三十七点二摄氏度",
    # units
    "车速120km/h": "车速一百二十公里每小时",
    "跑5 km要30min": "跑五公里要三十分钟",
    "面积100m²，体积2m³": "面积一百平方米，体积两立方米",
    "重5-10kg": "重五到十千克",
    # signs
    "占1/2和3/4": "占二分之一和四分之三",
    "算式3+5=8，10-3=7": "算式三加五等于八，十减三等于七",
    "2×3=6，8÷2=4，对": "二乘以三等于六，八除以二等于四，对",
    "10³等于1000": "十的立方等于一千",
    "100+人，约30人": "一百多人，约三十人",
    "结果是-5": "结果是负五",
    "-5~10度": "负五到十度",
    "歼-20和F-16": "歼二十和F十六",
    "比例1:1.5": "比例一比一点五",
    "a≥b，π≈3.14，好": "a大于等于b，派约等于三点一四，好",
    # 2
    "2个人，2年，20000": "两个人，两年，两万",
    "第2名，2月2日，2楼": "第二名，二月二日，二楼",
    "2-3次": "两到三次",
    # width, pictures, addresses
    "１２３，５０％": "一百二十三，百分之五十",
    "🎉恭喜😊！👨‍👩‍👧": "恭喜！",
    "见 https://www.example.com/a/b?c=d 吧": "见 example点com 吧",
    "写信给 a@b.com 吧": "写信给 a艾特b点com 吧",
    "①苹果": "一，苹果",
    "请看`x_1`和**粗体**": "请看 x 一和粗体",
}

ENGLISH = {
    "It costs $5.50 at 3:30 PM.": "It costs five dollars and fifty cents at three thirty PM.",
    "3 kg or 1 kg": "three kilograms or one kilogram",
    "On 2026-05-01, 1,234 came.": "On May first, twenty twenty-six, one thousand two hundred and thirty-four came.",
    "in 1999 and 2005": "in nineteen ninety-nine and two thousand and five",
    "the 1st and the 22nd, 5-10 km": "the first and the twenty-second, five to ten kilometers",
    "the 1990s": "the nineteen nineties",
    "version 3.11.2": "version three point eleven point two",
    "12.5% of it": "twelve point five percent of it",
    "1/2, 3/4": "one half, three quarters",
    "it is -5 °C": "it is minus five degrees Celsius",
    "100 km/h": "one hundred kilometers per hour",
    "$3 million": "three million dollars",
    "see www.example.com/x": "see example dot com",
    "May 5, 2024": "May fifth, twenty twenty-four",
}


@pytest.mark.parametrize(("shown", "said"), CHINESE.items())
def test_chinese_is_said_as_a_person_would(shown: str, said: str) -> None:
    assert spoken(shown, "zh") == said


@pytest.mark.parametrize(("shown", "said"), ENGLISH.items())
def test_english_is_said_as_a_person_would(shown: str, said: str) -> None:
    assert spoken(shown) == said


def value_of(words: str) -> int:
    """Read a Chinese number back, by its own grammar: sections of 亿 and 万, in them 千, 百, 十."""
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        head, mark, rest = words.rpartition(unit)
        if mark:
            return value_of(head) * size + value_of(rest)
    total, digit = 0, None
    for character in words:
        if character in "十百千":
            total += (1 if digit is None else digit) * {"十": 10, "百": 100, "千": 1000}[character]
            digit = None
        elif character != "零":
            digit = 2 if character == "两" else "零一二三四五六七八九".index(character)
    return total + (digit or 0)


@given(st.one_of(st.integers(0, 10**5), st.integers(0, 10**16 - 1)))
def test_a_number_can_be_heard_back(value: int) -> None:
    words = cardinal(value)
    assert value_of(words) == value
    assert "零零" not in words and not (words.endswith("零") and value)


@given(st.decimals(0, 10**9, places=3))
def test_a_decimal_has_its_digits_one_by_one(value: object) -> None:
    whole, _, fraction = f"{value:f}".partition(".")
    assert number(f"{value:f}") == cardinal(int(whole)) + (f"点{digits(fraction)}" if fraction else "")


@given(st.integers(0, 99_999), st.sampled_from(sorted(UNITS)))
def test_every_unit_is_said_in_chinese(value: int, unit: str) -> None:
    said = spoken(f"共{value}{unit}。")
    assert said.endswith(f"{UNITS[unit]}。") and re.search(r"[\dA-Za-z]", said) is None


@given(st.text(st.sampled_from("0123456789.,:-/%年月日点个元kgm人第A 到~+=（）℃$¥*#_`<>\n😀\u200d"), max_size=24))
def test_no_digit_is_left_and_nothing_fails(text: str) -> None:
    for language in ("zh", "en"):
        assert re.search(r"\d", spoken(text, language)) is None


@given(st.text(max_size=80))
def test_any_text_can_be_said(text: str) -> None:
    assert "  " not in spoken(text)
    for sentence in sentences_to_say([text]):
        assert sentence.strip() == sentence != ""


@given(st.integers(0, 10**15))
def test_english_numbers_are_words(value: int) -> None:
    assert re.fullmatch(r"[a-z -]+", english.cardinal(value))
    assert re.fullmatch(r"[a-z -]+(?:st|nd|rd|th|ieth|zeroth)", english.ordinal(value)) or value >= 10**15


def test_what_has_nothing_to_say_is_empty() -> None:
    assert [spoken(text) for text in ("😊", "***", "---", "", "。。。", "\u200b")] == [""] * 6


def test_a_number_alone_is_said_in_the_language_around_it() -> None:
    assert spoken("30,000", language_of("30,000", "zh")) == "三万"
    assert spoken("30,000", language_of("30,000", "en")) == "thirty thousand"
