"""What is announced and agreed: cuts of water and power, minutes, parcels, weather, trains, matches, in Chinese."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from assets.evaluation.makers.extract.pools import CITIES, STREETS, clock, day, mobile, names, spoken
from assets.evaluation.makers.extract.record import Record, as_json, as_name, as_number, as_text

_WEEKDAYS = "一二三四五六日"


def outage(rng: Random) -> Record:
    """A notice that water, power or gas is cut off."""
    what, why = rng.choice(
        (("停水", "更换老旧管道"), ("停电", "检修变压器"), ("停气", "改造调压箱"), ("停止供暖", "清洗换热站"))
    )
    when = day(rng)
    start, hours = rng.randrange(6 * 60, 13 * 60, 30), rng.randint(3, 9)
    end = start + hours * 60
    areas, spared = rng.sample(STREETS, 3), None
    spared = rng.choice([street for street in STREETS if street not in areas])
    phone = f"8{rng.randrange(10**6):06}"
    text = rng.choice(
        (
            ("各位居民：因{why}，定于{day}（星期{week}）{start}至{end}{what}，涉及{areas}沿线的住户和商铺，{spared}不受影响。请提前做好准备，"
            "如有疑问请拨打{phone}。给您带来不便，敬请谅解。"),
            "通知\n为{why}，我公司将于{day}（周{week}）{what}，时间从{start}到{end}。影响范围：{areas}。{spared}照常。如遇雨天顺延一天。\n值班电话：{phone}",
        )
    ).format(
        why=why, day=spoken(when), week=_WEEKDAYS[when.weekday()], start=clock(start), end=clock(end), what=what,
        areas="、".join(areas), spared=spared, phone=phone,
    )  # fmt: skip
    return Record(
        text,
        (
            as_json("从上面的通知中提取“开始”“结束”（都写成 HH:MM）和“区域”（路名数组，按原文顺序），只输出 JSON 对象。", {"开始": clock(start), "结束": clock(end), "区域": areas}),
            as_number("按下面的通知，这次一共要停几个小时？只写数字。", hours),
            as_name("通知里提到的哪条路不受影响？只写路名。", spared, areas),
            as_text("下面的通知是星期几的事？只写“星期几”。", f"星期{_WEEKDAYS[when.weekday()]}", f"周{_WEEKDAYS[when.weekday()]}", *(["星期天"] if when.weekday() == 6 else []), none=[phone]),
            as_text("这次停供的原因是什么？照原文摘出，不超过十个字。", why, none=[phone]),
        ),
    )  # fmt: skip


def minutes_of_meeting(rng: Random) -> Record:
    """Minutes with decisions, who carries them out, and until when."""
    people = names(rng, 6)
    chair, present, absent = people[0], people[1:5], people[5]
    when = day(rng)
    tasks = rng.sample(
        (
            "更新报价单",
            "联系印刷厂",
            "整理客户名单",
            "预订展位",
            "修改合同草稿",
            "核对库存",
            "准备样品",
            "统计加班时间",
            "撰写新闻稿",
            "测试新系统",
        ),
        3,
    )
    owners = rng.sample(people[:5], 3)
    due = [when + timedelta(days=days) for days in rng.sample(range(3, 25), 3)]
    verbs = ("由{owner}负责{task}，{due}前完成", "{task}交给{owner}，{due}之前要有结果", "请{owner}在{due}以前{task}")
    decisions = [
        wording.format(owner=owner, task=task, due=spoken(date))
        for wording, owner, task, date in zip(rng.sample(verbs, 3), owners, tasks, due, strict=True)
    ]
    topic = rng.choice(("秋季展会", "仓库搬迁", "新品上市", "年度盘点", "官网改版"))
    reason = rng.choice(("出差", "病假", "培训"))
    text = (
        f"会议纪要\n主题：{topic}筹备\n时间：{spoken(when)} {clock(rng.randrange(9 * 60, 16 * 60, 15))}\n主持：{chair}\n"
        f"出席：{'、'.join(present)}\n缺席：{absent}（{reason}）\n决定：\n"
        + "\n".join(f"{place}. {line}；" for place, line in enumerate(decisions, 1))
    )
    first = min(range(3), key=due.__getitem__)
    table = [
        {"负责人": owner, "事项": task, "截止": spoken(date)}
        for owner, task, date in zip(owners, tasks, due, strict=True)
    ]
    return Record(
        text,
        (
            as_json("把上面纪要中的决定整理成 JSON 数组，每个元素的键为“负责人”“事项”“截止”（照原文写成“几月几日”），按原文顺序。只输出 JSON。", table),
            as_name("根据下面的会议纪要，哪一项任务的截止日期最早？只写事项。", tasks[first], [task for task in tasks if task != tasks[first]]),
            as_number("连主持人在内，实际到会的有几个人？只写数字。", len(present) + 1),
            as_text("谁没有来，为什么？用“姓名：原因”的格式回答。", f"{absent}：{reason}", f"{absent}:{reason}", none=people[:5]),
            as_name(f"{tasks[1]}由谁负责？只写姓名。", owners[1], [one for one in people if one != owners[1]]),
        ),
    )  # fmt: skip


def waybill(rng: Random) -> Record:
    """Addresses as people type them into one field."""
    sender, receiver = names(rng, 2)
    one, other = rng.sample(CITIES, 2)
    phones = mobile(rng), mobile(rng)
    street, house, room = (
        rng.choice(STREETS),
        rng.randint(2, 260),
        f"{rng.randint(1, 6)}单元{rng.randint(1, 12)}0{rng.randint(1, 4)}",
    )
    weight, fragile = rng.randint(2, 19) / 2, rng.choice(("玻璃罐", "陶瓷碗", "相框", "灯泡"))
    text = (
        f"{rng.choice(('麻烦寄一下', '寄件信息', '请帮我下单'))}：{receiver} {phones[1]} {''.join(other)}{street}{house}号{room}。"
        f"我是{sender}，{phones[0]}，从{one[1]}{one[2]}发。里面是{fragile}，大约{weight:g}公斤，"
        f"{rng.choice(('记得贴易碎', '请轻拿轻放', '包厚一点'))}，运费{rng.choice(('到付', '我来付'))}。"
    )
    return Record(
        text,
        (
            as_json("提取上文的收件人信息，只输出 JSON 对象，键为“姓名”“电话”“省”“市”“区”（省市区照原文写全）。", {"姓名": receiver, "电话": phones[1], "省": other[0], "市": other[1], "区": other[2]}),
            as_text("寄件人的电话号码是多少？只写号码。", phones[0], none=[phones[1]]),
            as_json("从上面的留言中提取“物品”和“重量”（公斤，数字），只输出 JSON 对象。", {"物品": fragile, "重量": int(weight) if weight.is_integer() else weight}),
            as_text("包裹要寄到哪个城市？只写城市名。", other[1], other[1].removesuffix("市"), none=[one[1].removesuffix("市")]),
            as_text("上面这段话里，收件地址的街道门牌（从路名到门牌号，不含单元）是什么？只写这一部分。", f"{street}{house}号", none=[*phones, room]),
        ),
    )  # fmt: skip


def weather(rng: Random) -> Record:
    """A bulletin for several places."""
    places = rng.sample(("云溪", "白石", "南屏", "柳林", "高坪", "青浦镇", "石桥", "月湖", "双河", "梅岭"), 5)
    highs = rng.sample(range(12, 36), 5)
    lows = [high - rng.randint(5, 11) for high in highs]
    skies = [rng.choice(("晴", "多云", "小雨", "阴", "雷阵雨")) for _ in places]
    skies[rng.randrange(5)] = "小雨"
    wordings = (
        "{place}{sky}，{low}到{high}度",
        "{place}白天{sky}，最高{high}度，夜里降到{low}度",
        "{place}：{sky}，气温{low}～{high}℃",
    )
    lines = [
        rng.choice(wordings).format(place=place, sky=sky, low=low, high=high)
        for place, sky, low, high in zip(places, skies, lows, highs, strict=True)
    ]
    wind = rng.randint(3, 6)
    text = f"{rng.randint(5, 9)}月{rng.randint(1, 30)}日天气：{'；'.join(lines)}。沿湖一带有{wind}级{rng.choice(('东北', '西南', '偏北'))}风。"
    wet = [place for place, sky in zip(places, skies, strict=True) if "雨" in sky]
    hottest = places[highs.index(max(highs))]
    gaps = [high - low for low, high in zip(lows, highs, strict=True)]
    return Record(
        text,
        (
            as_json("把上面的预报写成 JSON 对象：键是地名，值是最高气温（整数）。只输出 JSON。", dict(zip(places, highs, strict=True))),
            as_json("下面预报有雨（包括雷阵雨）的地方有哪些？按原文顺序写成 JSON 数组，只输出数组。", wet),
            as_name("哪个地方的最高气温最高？只写地名。", hottest, [place for place in places if place != hottest]),
            as_number("下面几个地方里，最大的昼夜温差（最高与最低气温之差）是多少度？只写数字。", max(gaps)),
            as_number("最低气温低于 10 度的地方有几个？没有就写 0。只写数字。", sum(low < 10 for low in lows)),
        ),
    )  # fmt: skip


def trains(rng: Random) -> Record:
    """A timetable of trains between two towns."""
    one, other = rng.sample(("临河", "上塘", "东岭", "清源", "沙口", "望海"), 2)
    numbers = rng.sample(range(1101, 9989), 5)
    codes = [f"{rng.choice('GDKC')}{number}" for number in numbers]
    starts = sorted((*rng.sample(range(6 * 60, 12 * 60, 7), 2), *rng.sample(range(12 * 60 + 4, 20 * 60, 7), 3)))
    takes = rng.sample(range(48, 190, 3), 5)
    prices = rng.sample(range(38, 160), 5)
    stops = [rng.choice(("直达", "经停1站", "经停2站", "经停4站")) for _ in codes]
    rows = [
        f"{code} | {clock(start)} | {clock(start + take)} | {stop} | {price}元"
        for code, start, take, stop, price in zip(codes, starts, takes, stops, prices, strict=True)
    ]
    text = f"{one} → {other}\n车次 | 发车 | 到达 | 停站 | 二等座\n" + "\n".join(rows)
    ends = [start + take for start, take in zip(starts, takes, strict=True)]
    quick, cheap, early = codes[takes.index(min(takes))], codes[prices.index(min(prices))], codes[ends.index(min(ends))]

    def but(code: str) -> list[str]:
        return [each for each in codes if each != code]

    return Record(
        text,
        (
            as_name("上表中用时最短的是哪一趟车？只写车次。", quick, but(quick)),
            as_number(f"查下面的时刻表，{codes[2]}次列车在路上要走多少分钟？只写数字。", takes[2]),
            as_json("提取最便宜的一趟车，只输出 JSON 对象，键为“车次”“发车”“票价”（整数）。", {"车次": cheap, "发车": clock(starts[codes.index(cheap)]), "票价": min(prices)}),
            as_json("下面的列车中，中午 12:00 以后发车的车次有哪些？按表中顺序写成 JSON 数组，只输出数组。", [code for code, start in zip(codes, starts, strict=True) if start > 720]),
            as_name("最早到达终点的是哪一趟？只写车次。", early, but(early)),
        ),
    )  # fmt: skip


def match(rng: Random) -> Record:
    """The report of a basketball game of two schools."""
    home, away = rng.sample(("三中", "育才", "实验中学", "铁路中学", "江滨中学", "外国语学校"), 2)
    quarters = [(rng.randint(11, 28), rng.randint(11, 28)) for _ in range(4)]
    scores = [sum(part) for part in zip(*quarters, strict=True)]
    if scores[0] == scores[1]:
        quarters[3] = (quarters[3][0] + 3, quarters[3][1])
        scores[0] += 3
    star, bench, injured = names(rng, 3)
    points, rebounds = rng.randint(18, 34), rng.randint(5, 14)
    extra = rng.randint(9, 16)
    parts = "，".join(f"第{'一二三四'[place]}节{one}比{other}" for place, (one, other) in enumerate(quarters))
    text = (
        f"昨天下午，校际篮球联赛在{home}体育馆进行，{home}主场迎战{away}。四节比分（主队在前）依次是：{parts}。"
        f"全场最佳是{star}，他拿下{points}分和{rebounds}个篮板；替补出场的{bench}也贡献了{extra}分。"
        f"{injured}在第{'二三'[rng.randrange(2)]}节扭伤了脚踝，提前离场。"
    )
    winner, loser = (home, away) if scores[0] > scores[1] else (away, home)
    return Record(
        text,
        (
            as_json("根据上文，只输出 JSON 对象，键为“主队”“客队”“主队总分”“客队总分”，总分是四节之和（整数）。", {"主队": home, "客队": away, "主队总分": scores[0], "客队总分": scores[1]}),
            as_name("读下面的报道，哪个队赢了？只写队名。", winner, [loser]),
            as_name("谁因伤退场？只写姓名。", injured, [star, bench]),
            as_number(f"{star}比{bench}多得多少分？只写数字。", points - extra),
        ),
    )  # fmt: skip


KINDS = (outage, minutes_of_meeting, waybill, weather, trains, match)
"""The kinds of text in this file."""
