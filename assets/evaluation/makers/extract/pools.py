"""Names and things that records are made of. All of them are invented or common."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

SURNAMES = "林周许何吕施严金魏姜谢邹窦章云苏潘葛范彭鲁韦马苗方俞任袁柳史唐费岑薛雷贺倪汤滕殷罗毕郝邬安常乐于傅康伍"
GIVEN = (
    "知远", "雨桐", "建国", "思齐", "晓峰", "若兰", "子墨", "文静", "海燕", "明哲", "秀英", "嘉禾", "一诺", "春生",
    "沛然", "佩珊", "志强", "可欣", "云舟", "立新", "小曼", "承志", "静怡", "永康", "乐天", "芷若", "宏伟", "青禾",
)  # fmt: skip
CITIES = (
    ("浙江省", "绍兴市", "越城区"), ("四川省", "乐山市", "沙湾区"), ("湖南省", "岳阳市", "君山区"), ("山东省", "烟台市", "芝罘区"),
    ("福建省", "漳州市", "龙文区"), ("陕西省", "宝鸡市", "渭滨区"), ("江苏省", "南通市", "崇川区"), ("广西壮族自治区", "桂林市", "象山区"),
)  # fmt: skip
STREETS = ("梧桐路", "青石巷", "望江街", "学府路", "桂花弄", "渡口街", "平安里", "向阳大道", "柳荫巷", "新桥路")
FIRST = (
    "Ada",
    "Ben",
    "Clara",
    "Dmitri",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kavya",
    "Leo",
    "Mira",
    "Noor",
    "Oskar",
    "Petra",
)
LAST = (
    "Abbott",
    "Brandt",
    "Castell",
    "Duarte",
    "Ekberg",
    "Falk",
    "Grimaldi",
    "Hale",
    "Ivarsen",
    "Jansky",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
)


def names(rng: Random, count: int) -> list[str]:
    """Chinese names of different people, who share neither a surname nor a given name."""
    return [one + other for one, other in zip(rng.sample(SURNAMES, count), rng.sample(GIVEN, count), strict=True)]


def english_names(rng: Random, count: int) -> list[str]:
    """English names of different people, who share neither name."""
    return [f"{one} {other}" for one, other in zip(rng.sample(FIRST, count), rng.sample(LAST, count), strict=True)]


def mobile(rng: Random) -> str:
    """A mobile number of eleven digits, in a range that is not given out."""
    return f"1{rng.choice(('40', '41', '42', '43'))}{rng.randrange(10**8):08}"


def day(rng: Random, year: int = 2024) -> date:
    """Any day of the year."""
    return date(year, 1, 1) + timedelta(days=rng.randrange(365))


def spoken(when: date) -> str:
    """A date as it is written in Chinese: 3月5日."""
    return f"{when.month}月{when.day}日"


def clock(minutes: int) -> str:
    """Minutes since midnight as 08:05."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
