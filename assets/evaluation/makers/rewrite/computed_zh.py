"""Rewriting in Chinese whose result is computed: order, names, numbers, times, hidden numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from assets.evaluation.makers.draft import Draft, contains
from assets.evaluation.makers.extract.pools import clock, mobile, names

_SCENES = (
    "清晨的码头还没有人。|卖鱼的推车最先到了。|海鸥落在缆绳上。|第一班船鸣了两声笛。",
    "爷爷把竹篾泡在水里。|他先劈出十二根经篾。|小孙女在一旁数数。|篮底编好时天已经黑了。|灶上的粥刚好熟。",
    "雪下了一夜。|邮差推着车走进巷子。|他在三号门前停了很久。|信封上的字被雪水打湿了。",
    "教室的灯一盏盏灭了。|值日生擦完最后一块黑板。|走廊里传来拖把的声音。|月亮挂在操场的篮筐上。|门卫开始锁门。",
)
_STORIES = (
    "{a}借走了{b}的相机，说好周末还。到了周日，{b}没有等到人，便给{a}打电话。原来{a}把相机落在了火车上，正急着找。{b}没有生气，陪{a}去了失物招领处。",
    "{a}和{b}一起种番茄。{a}管浇水，{b}管捉虫。八月里{b}去了外婆家，{a}就把两个人的活都干了。番茄红的时候，{a}给{b}留了最大的一颗。",
    "比赛前一天，{b}扭了脚，{a}替{b}报名参加了接力。{a}跑最后一棒，冲线时摔了一跤，还是得了第二名。{b}说：“奖牌归{a}。”",
)
_DIGITS = "零一二三四五六七八九"


def reversed_order() -> list[Draft]:
    """Sentences in the opposite order."""
    asks = (
        "把下面这段话的句子顺序完全颠倒过来，每句话内部不改动，只输出结果：\n{text}",
        "{text}\n\n请从最后一句写到第一句，重新排列上面的文字，句子本身一个字也不要改。",
        "下面的文字像倒放的电影一样从后往前讲会是什么样？按相反的句序重写，各句保持原样。\n\n{text}",
        "请将以下段落逐句倒序输出，不增不减：\n\n{text}",
    )
    result = []
    for ask, scene in zip(asks, _SCENES, strict=True):
        sentences = scene.split("|")
        answer = "".join(reversed(sentences))
        result.append(Draft("zh", ask.format(text="".join(sentences)), answer, checks=[contains(answer)]))
    return result


def exchanged_names() -> list[Draft]:
    """Two people of a story change their parts."""
    asks = (
        "把故事里两个人的角色对调：凡是“{a}”都改成“{b}”，凡是“{b}”都改成“{a}”，其余不变。\n\n{text}",
        "{text}\n\n请把上文中的“{a}”和“{b}”互换，别的字不要动，输出换好的全文。",
        "编辑弄混了两个名字。请将下文的{a}与{b}全部互换后重新抄写一遍：\n{text}",
    )
    result = []
    for place, (ask, story) in enumerate(zip(asks, _STORIES, strict=True)):
        a, b = (name[1:] for name in names(Random(f"exchanged:{place}"), 2))  # noqa: S311 - not a secret
        text, answer = story.format(a=a, b=b), story.format(a=b, b=a)
        straight = answer.translate(str.maketrans("“”", '""'))
        check = contains(some=list(dict.fromkeys((answer, straight))))
        result.append(Draft("zh", ask.format(a=a, b=b, text=text), answer, checks=[check]))
    return result


def numerals() -> list[Draft]:
    """Digits become Chinese numerals, and the other way round."""
    rng = Random("rewrite:numerals")  # noqa: S311 - not a secret
    result = []
    forms = (
        (
            "村里有{}户人家，{}口井，{}棵老槐树。",
            "把句中的阿拉伯数字改成汉字数字（如 12 写成十二），其余不变，只写改好的句子：\n{text}",
        ),
        (
            "博物馆收着{}面铜镜，分放在{}间展室，解说词录了{}段。",
            "{text}\n\n请把上面句子里的数字都用汉字书写，不要改动其他文字。",
        ),
    )
    for form, ask in forms:
        values = [rng.randint(11, 99), rng.randint(3, 9), rng.randint(11, 99)]
        answer = form.format(*map(_in_words, values))
        result.append(Draft("zh", ask.format(text=form.format(*values)), answer, checks=[contains(answer)]))
    back = (
        (
            "全程{}公里，中途设{}个补给站，限时{}分钟。",
            "下面的比赛说明要做成海报，请把汉字数字换成阿拉伯数字，其余照抄：\n{text}",
        ),
        (
            "茶馆有{}张桌子、{}个包间，墙上挂着{}把旧壶。",
            "{text}\n上句中的汉字数字一律改写为阿拉伯数字，输出改后的句子。",
        ),
    )
    for form, ask in back:
        values = [rng.randint(21, 99), rng.randint(3, 9), rng.randint(21, 99)]
        answer = form.format(*values)
        check = contains(some=[answer, re.sub(r"(?<=\d)(?=[^\d，。、])|(?<=[^\d，。、])(?=\d)", " ", answer)])
        result.append(Draft("zh", ask.format(text=form.format(*map(_in_words, values))), answer, checks=[check]))
    return result


def clock_times() -> list[Draft]:
    """Times as they are spoken become times of 24 hours."""
    rng = Random("rewrite:times")  # noqa: S311 - not a secret
    forms = (
        (
            "下午{0}集合，{1}开船，晚上{2}返回码头。",
            (13, 14, 20),
            "把通知里的时间都改成 24 小时制的“时:分”形式（如 14:05），并去掉“下午”“晚上”等词，其余不变：\n{text}",
        ),
        (
            "展览上午{0}开门，下午{1}停止售票，晚上{2}清场。",
            (9, 16, 19),
            "{text}\n\n请将上面的时间统一成 24 小时制（两位小时、两位分钟，中间用冒号），省去时段词，写出整句。",
        ),
        (
            "他早上{0}出门，中午{1}才吃饭，夜里{2}还在改稿。",
            (7, 12, 23),
            "改写句子，用 24 小时制的数字时间（例如 08:15）代替口语时间，不再保留“早上”“中午”“夜里”：\n{text}",
        ),
    )
    result = []
    for form, hours, ask in forms:
        minutes = [hour * 60 + rng.choice((0, 10, 15, 20, 30, 45)) for hour in hours]
        text = form.format(*map(_spoken_time, minutes))
        answer = re.sub("早上|上午|中午|下午|晚上|夜里", "", form.format(*map(clock, minutes)))
        check = contains(*map(clock, minutes), none=["早上", "上午", "中午", "下午", "晚上", "夜里"])
        rubric = ["三个时间都换算正确", "除时间外，原句的其他内容没有增减"]
        result.append(Draft("zh", ask.format(text=text), answer, rubric, [check]))
    return result


def masked() -> list[Draft]:
    """Numbers that identify people are covered."""
    rng = Random("rewrite:masked")  # noqa: S311 - not a secret
    asks = (
        "群公告要公开，请把下文每个手机号的第 4 到第 7 位换成四个星号，其他内容原样保留：\n{text}",
        "{text}\n\n给上文打码：姓名只留姓，名用“某”代替（不论名是几个字都只写一个“某”）；手机号中间四位换成 ****。输出处理后的全文。",
    )
    result = []
    for place, ask in enumerate(asks):
        people, phones = names(rng, 3), [mobile(rng) for _ in range(3)]
        parts = [f"{person}，{phone}" for person, phone in zip(people, phones, strict=True)]
        covered = [f"{phone[:3]}****{phone[7:]}" for phone in phones]
        shown = [person[0] + "某" if place else person for person in people]
        text = f"志愿者名单：{'；'.join(parts)}。周六七点在东门集合。"
        answer = f"志愿者名单：{'；'.join(f'{one}，{other}' for one, other in zip(shown, covered, strict=True))}。周六七点在东门集合。"
        hidden = [*phones, *(people if place else ())]
        result.append(
            Draft("zh", ask.format(text=text), answer, checks=[contains(*covered, *shown, "东门集合", none=hidden)])
        )
    return result


def third_person() -> list[Draft]:
    """A diary becomes a report about somebody."""
    texts = (
        ("今天我第一次给病人量血压，手抖得比他还厉害。护士长没有笑我，只让我再量一遍。第二遍我量准了，高压一百三十二。", ["一百三十二", "护士长"]),
        ("我在旧货市场花三十块钱买了一台打字机，回家才发现少了字母 E。我写的第一封信里，所有的 E 都是我用钢笔补上去的。", ["三十块", "打字机", "钢笔"]),
        ("轮到我上台时，我把稿子忘在了座位上。我看了一眼窗外，索性讲起了我家那只会开门的羊。台下笑成一片，我得了二等奖。", ["羊", "二等奖", "窗外"]),
        ("我爬到半山腰下起了雨，只好钻进一座废弃的茶亭。墙上有人写着“再走四百级”。我数着台阶往上，数到三百九十八就到了顶。", ["茶亭", "四百级", "三百九十八"]),
    )  # fmt: skip
    asks = (
        "把这段日记改成第三人称，主人公叫“{name}”。不能出现“我”字，事情不变：\n{text}",
        "{text}\n\n请以旁观者的口吻重写，称主人公为{name}，全文不得再用第一人称。",
        "改换人称：将“我”改为{name}（可适当用“他”或“她”），使下文读来通顺。\n\n{text}",
        "请把下面的自述转写成关于{name}的记叙，内容照旧，不许有“我”。\n{text}",
    )
    result = []
    for place, ((text, kept), ask) in enumerate(zip(texts, asks, strict=True)):
        name = names(Random(f"third:{place}"), 1)[0]  # noqa: S311 - not a secret
        answer = text.replace("我", name, 1).replace("我", "她")
        rubric = ["全文用第三人称，没有遗漏的第一人称", "原文的情节都保留，没有新增情节", "语句通顺，代词指代清楚"]
        result.append(
            Draft("zh", ask.format(name=name, text=text), answer, rubric, [contains(name, *kept, none=["我"])])
        )
    return result


def _in_words(value: int) -> str:
    tens, ones = divmod(value, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return head + (_DIGITS[ones] if ones else "")


def _spoken_time(minutes: int) -> str:
    hour, minute = minutes // 60 % 12 or 12, minutes % 60
    words = "两" if hour == 2 else _in_words(hour)
    return f"{words}点" + {0: "整", 15: "一刻", 30: "半", 45: "三刻"}.get(minute, f"{_in_words(minute)}分")


MAKERS: Sequence[Callable[[], list[Draft]]] = (
    reversed_order,
    exchanged_names,
    numerals,
    clock_times,
    masked,
    third_person,
)
"""The kinds of rewriting in this file."""
