"""Days of the week, months, seasons, hours and the weather."""

from __future__ import annotations

from random import Random

from makers import numerals
from makers.sample import Sample, capital

_DAYS_ZH = tuple(f"星期{day}" for day in "一二三四五六日")
_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SEASONS = (("春天", "spring"), ("夏天", "summer"), ("秋天", "autumn"), ("冬天", "winter"))
_CITIES = (
    ("北京", "Beijing"),
    ("上海", "Shanghai"),
    ("广州", "Guangzhou"),
    ("成都", "Chengdu"),
    ("西安", "Xi'an"),
    ("杭州", "Hangzhou"),
    ("武汉", "Wuhan"),
    ("南京", "Nanjing"),
    ("昆明", "Kunming"),
    ("青岛", "Qingdao"),
    ("伦敦", "London"),
    ("巴黎", "Paris"),
    ("柏林", "Berlin"),
    ("罗马", "Rome"),
    ("东京", "Tokyo"),
)
_SKIES = (
    ("晴", "sunny", False),
    ("多云", "cloudy", False),
    ("阴", "grey", False),
    ("有小雨", "rainy", True),
    ("有大雨", "very rainy", True),
    ("有风", "windy", False),
)


def weekday_zh(rng: Random) -> Sample:
    """Which day comes so many days after, or before, another."""
    today, offset = rng.randrange(7), rng.choice((-2, -1, 1, 2, 3))
    word = {-2: "前天", -1: "昨天", 1: "明天", 2: "后天", 3: "大后天"}[offset]
    then = _DAYS_ZH[(today + offset) % 7]
    ask = f"今天{_DAYS_ZH[today]}，{word}{'是' if offset < 0 else ''}星期几？"
    lead = rng.choice(("", "请问，", "我想知道，", "考考你："))
    return Sample("zh", f"weekday:{today}:{offset}", (lead + ask, f"{word}是{then}。"))


def weekday_en(rng: Random) -> Sample:
    """The same in English."""
    today, offset = rng.randrange(7), rng.choice((-2, -1, 1, 2, 3))
    then = _DAYS_EN[(today + offset) % 7]
    form = {
        -2: ("what day was it the day before yesterday", "The day before yesterday was {}."),
        -1: ("what day was it yesterday", "Yesterday was {}."),
        1: ("what day is it tomorrow", "Tomorrow is {}."),
        2: ("what day is it the day after tomorrow", "The day after tomorrow is {}."),
        3: ("what day is it in three days", "In three days it is {}."),
    }[offset]
    lead = rng.choice(("Today is {}, ", "If today is {}, ", "It is {} today; "))
    question = lead.format(_DAYS_EN[today]) + form[0] + "?"
    return Sample("en", f"weekday:{today}:{offset}", (question, form[1].format(then)))


def month(rng: Random) -> Sample:
    """The month after another, its season, its days."""
    index, form = rng.randrange(12), rng.randrange(4)
    following = (index + 1) % 12
    season = _SEASONS[((index - 2) % 12) // 3]
    key = f"month:{index}:{form}"
    if rng.random() < 0.5:
        this, that = f"{numerals.zh(index + 1)}月", f"{numerals.zh(following + 1)}月"
        pairs = (
            (f"{this}的下一个月是几月？", f"{this}的下一个月是{that}。"),
            (f"{that}的上一个月是几月？", f"{that}的上一个月是{this}。"),
            (f"在北方，{this}是什么季节？", f"在北半球，{this}一般算是{season[0]}。"),
            (
                f"{this}有多少天？",
                f"{this}有{numerals.zh(_LENGTHS[index])}天{'，闰年有二十九天' if index == 1 else ''}。",
            ),
        )
        return Sample("zh", key, pairs[form])
    this, that = _MONTHS[index], _MONTHS[following]
    days = f"{numerals.en(_LENGTHS[index])} days{', and twenty-nine in a leap year' if index == 1 else ''}"
    pairs = (
        (f"Which month comes after {this}?", f"{that} comes after {this}."),
        (f"Which month comes before {that}?", f"{this} comes before {that}."),
        (f"Which season is {this} in the north?", f"In the northern half of the world {this} belongs to {season[1]}."),
        (f"How many days are in {this}?", f"{this} has {days}."),
    )
    return Sample("en", key, pairs[form])


def clock(rng: Random) -> Sample:
    """An hour and some hours more."""
    hour, more = rng.randint(1, 12), rng.randint(1, 6)
    then = (hour + more - 1) % 12 + 1
    key = f"clock:{hour}:{more}"
    if rng.random() < 0.5:
        question = rng.choice(("现在是{}点，{}个小时以后是几点？", "{}点出发，路上要{}个小时，几点到？"))
        return Sample(
            "zh",
            key,
            (question.format(numerals.zh_count(hour), numerals.zh_count(more)), f"是{numerals.zh_count(then)}点。"),
        )
    hours = f"{numerals.en(more)} hour{'s' if more > 1 else ''}"
    question = rng.choice(
        ("It is {} o'clock. What time is it in {}?", "I leave at {} o'clock and travel for {}. When do I arrive?")
    )
    answer = f"{'It is' if 'What' in question else 'You arrive at'} {numerals.en(then)} o'clock."
    return Sample("en", key, (question.format(numerals.en(hour), hours), answer))


def _advice(high: int, rain: bool) -> tuple[str, str]:
    if high < 8:
        zh, en = "天很冷，要穿厚外套", "it is cold, so wear a thick coat"
    elif high < 18:
        zh, en = "天有点凉，要穿毛衣", "it is cool, so wear a sweater"
    elif high < 28:
        zh, en = "天气舒服，穿衬衫就好", "it is mild, so a shirt will do"
    else:
        zh, en = "天很热，要多喝水", "it is hot, so drink plenty of water"
    return (zh + "，出门带伞" if rain else zh), (f"{en}, and take an umbrella" if rain else en)


def weather(rng: Random) -> Sample:
    """A forecast, and questions about it."""
    (city, town), (sky, english, rain) = rng.choice(_CITIES), rng.choice(_SKIES)
    high = rng.randint(-2, 36)
    key = f"weather:{town}:{english}:{high}"
    zh, en = _advice(high, rain)
    if rng.random() < 0.5:
        number = ("零下" if high < 0 else "") + numerals.zh(abs(high))
        report = f"明天{city}{sky}，最高气温{number}度。"
        turns = [f"{report}要注意什么？", f"明天{zh}。"]
        if rng.random() < 0.6:
            turns += ["会下雨吗？", "会下雨。" if rain else "预报里没有雨。"]
        if rng.random() < 0.5:
            turns += ["最高多少度？", f"最高{number}度。"]
        return Sample("zh", key, tuple(turns))
    number = ("minus " if high < 0 else "") + numerals.en(abs(high))
    report = f"Tomorrow it will be {english} in {town}, with a high of {number} degree{'' if abs(high) == 1 else 's'}."
    turns = [f"{report} Any advice?", f"{capital(en)}."]
    if rng.random() < 0.6:
        turns += ["Will it rain?", "Yes, it will." if rain else "There is no rain in the forecast."]
    if rng.random() < 0.5:
        turns += ["How warm will it be?", f"The high is {number} degree{'' if abs(high) == 1 else 's'}."]
    return Sample("en", key, tuple(turns))
