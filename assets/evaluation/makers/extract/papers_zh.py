"""Papers and machine text: curricula vitae, logs, laboratory reports, contacts, labels of a museum, in Chinese."""

from __future__ import annotations

from collections import Counter
from random import Random

from assets.evaluation.makers.extract.pools import CITIES, clock, day, mobile, names
from assets.evaluation.makers.extract.record import Record, as_json, as_name, as_number, as_text


def vita(rng: Random) -> Record:
    """A curriculum vitae in sentences."""
    person = names(rng, 1)[0]
    born = rng.randint(1976, 1988)
    subject, school = (
        rng.choice(("食品科学", "土木工程", "会计学", "园林设计", "应用数学", "护理学")),
        rng.choice(("南麓大学", "江洲工学院", "北溪师范学院", "滨湖大学")),
    )
    graduated = born + rng.randint(22, 24)
    firms = rng.sample(("禾丰食品", "远帆设计院", "明烛咨询", "青岚医院", "启程软件", "万象文化", "大成物流"), 3)
    jobs = rng.sample(("质检员", "项目助理", "采购主管", "培训讲师", "数据分析员", "门店经理", "档案管理员"), 3)
    lengths = rng.sample(range(2, 7), 2)
    starts = [graduated, graduated + lengths[0], graduated + sum(lengths)]
    skills = rng.sample(("驾驶", "速记", "粤语", "Excel", "西班牙语", "急救", "摄影", "Python"), 3)
    text = (
        f"{person}，{born}年生，{CITIES[rng.randrange(8)][1]}人，{graduated}年毕业于{school}{subject}专业。"
        f"毕业当年进入{firms[0]}，任{jobs[0]}；{starts[1]}年转到{firms[1]}做{jobs[1]}；{starts[2]}年起在{firms[2]}担任{jobs[2]}至今。"
        f"会{skills[0]}、{skills[1]}和{skills[2]}，业余时间{rng.choice(('参加合唱团', '养多肉植物', '跑半程马拉松', '修旧收音机'))}。"
    )
    table = [
        {"单位": firm, "职务": job, "开始年份": start} for firm, job, start in zip(firms, jobs, starts, strict=True)
    ]
    return Record(
        text,
        (
            as_json("把上面的工作经历整理成 JSON 数组，每个元素的键为“单位”“职务”“开始年份”（整数），按时间先后。只输出 JSON。", table),
            as_number("根据下面的简历，这个人在第二家单位工作了几年？只写数字。", lengths[1]),
            as_json("只输出 JSON 对象，键为“姓名”“出生年份”（整数）“学校”“专业”。", {"姓名": person, "出生年份": born, "学校": school, "专业": subject}),
            as_name(f"读下面的介绍，{starts[1] + 1}年时此人在哪家单位上班？只写单位名称。", firms[1], [firms[0], firms[2]]),
            as_json("这个人会哪些技能？按原文顺序写成 JSON 数组，只输出数组。", skills),
        ),
    )  # fmt: skip


def log(rng: Random) -> Record:
    """The log of a program."""
    modules = rng.sample(("支付", "登录", "库存", "短信", "报表", "缓存"), 4)
    errors = {
        "支付": "签名校验失败",
        "登录": "令牌已过期",
        "库存": "数量为负",
        "短信": "通道无响应",
        "报表": "模板缺失",
        "缓存": "连接被拒绝",
    }
    seconds = sorted(rng.sample(range(9 * 3600, 10 * 3600), 9))
    levels = ["ERROR"] * rng.randint(2, 3) + ["WARN"] * rng.randint(2, 3)
    levels += ["INFO"] * (9 - len(levels))
    rng.shuffle(levels)
    rows = [
        (f"{at // 3600:02}:{at % 3600 // 60:02}:{at % 60:02}", level, rng.choice(modules))
        for at, level in zip(seconds, levels, strict=True)
    ]
    good = ("请求完成，耗时{n}毫秒", "写入{n}条记录", "心跳正常")
    slow = ("重试第{n}次", "响应超过{n}毫秒", "剩余空间{n}%")
    lines = []
    for at, level, module in rows:
        said = (
            errors[module]
            if level == "ERROR"
            else rng.choice(slow if level == "WARN" else good).format(n=rng.randint(2, 97))
        )
        lines.append(f"{at} [{level}] {module}: {said}")
    counts = Counter(levels)
    first = next(row for row in rows if row[1] == "ERROR")
    last = [row for row in rows if row[1] == "WARN"][-1]
    broken = sorted(
        {module for _, level, module in rows if level == "ERROR"},
        key=[module for _, level, module in rows if level == "ERROR"].index,
    )
    return Record(
        "\n".join(lines),
        (
            as_json("统计上面日志中各级别的行数，只输出 JSON 对象，键为“ERROR”“WARN”“INFO”，值为整数。", {name: counts[name] for name in ("ERROR", "WARN", "INFO")}),
            as_text("下面日志里第一条 ERROR 发生在什么时间？只写时间，照原样写到秒。", first[0], none=[row[0] for row in rows if row[0] != first[0]]),
            as_json("哪些模块出过 ERROR？每个模块只写一次，按第一次出错的先后写成 JSON 数组，只输出数组。", broken),
            as_json("从下面的日志中提取最后一条 WARN，只输出 JSON 对象，键为“时间”“模块”。", {"时间": last[0], "模块": last[2]}),
            as_number("第一行和最后一行日志相隔多少秒？只写数字。", seconds[-1] - seconds[0]),
        ),
    )  # fmt: skip


def laboratory(rng: Random) -> Record:
    """A report of measurements with their limits, of drinking water."""
    table = (
        ("浊度", "NTU", 0, 1),
        ("总硬度", "mg/L", 0, 450),
        ("pH", "", 6.5, 8.5),
        ("铁", "mg/L", 0, 0.3),
        ("氯化物", "mg/L", 0, 250),
        ("硝酸盐", "mg/L", 0, 10),
        ("余氯", "mg/L", 0.3, 4),
    )
    chosen = rng.sample(table, 5)
    bad = set(rng.sample(range(5), rng.randint(1, 2)))
    values = []
    for place, (_, _, low, high) in enumerate(chosen):
        share = rng.uniform(1.15, 1.6) if place in bad else rng.uniform(0.45, 0.9)
        values.append(round(low + (high - low) * share, 2 if high <= 20 else 0))
    rows = [
        f"{name}  {value:g}  （限值 {f'{low:g}–' if low else '≤'}{high:g} {unit}".rstrip() + "）"
        for (name, unit, low, high), value in zip(chosen, values, strict=True)
    ]
    village, when = rng.choice(("枫树坳", "响水湾", "大塘村", "坪上", "龙井沟")), day(rng)
    inspector = names(rng, 1)[0]
    text = (
        f"{village}水质检测单  采样日期 {when.isoformat()}  检测人 {inspector}\n"
        + "\n".join(rows)
        + f"\n复检电话 8{rng.randrange(10**6):06}"
    )
    wrong = [chosen[place][0] for place in sorted(bad)]
    pick = rng.choice([place for place in range(5) if place not in bad])
    return Record(
        text,
        (
            as_json("上面的检测单中哪些项目超出限值？按表中顺序写成 JSON 数组，只输出数组。", wrong),
            as_json("提取下面检测单的“采样日期”（YYYY-MM-DD）和“检测人”，只输出 JSON 对象。", {"采样日期": when.isoformat(), "检测人": inspector}),
            as_number(f"{chosen[pick][0]}的检测值是多少？只写数字。", values[pick]),
            as_number("下面的项目中有几项合格？只写数字。", 5 - len(bad)),
        ),
    )  # fmt: skip


def contacts(rng: Random) -> Record:
    """A message in which addresses and numbers stand between words."""
    people = names(rng, 3)
    handles = rng.sample(("linzhou", "desk", "hr.team", "artroom", "info", "xiaoxu88", "print_shop"), 3)
    hosts = rng.sample(("example.com", "mail.example.org", "shop.example.net"), 3)
    mails = [f"{handle}@{host}" for handle, host in zip(handles, hosts, strict=True)]
    phones = [mobile(rng), mobile(rng)]
    site, order, room = (
        f"https://www.example.com/{rng.choice(('form', 'apply', 'join'))}{rng.randint(10, 99)}",
        f"NO{rng.randrange(10**6):06}",
        rng.randint(201, 689),
    )
    text = (
        f"大家好，报名表请发给{people[0]}（{mails[0]}），抄送{mails[1]}。发票的问题找{people[1]}，手机{phones[0]}，订单号{order}一定要报给他。"
        f"在线填写也行，地址是 {site} 。周末值班的是{people[2]}，{phones[1]}，办公室在{room}，邮件{mails[2]}也可以，就是回得慢一点。"
    )
    return Record(
        text,
        (
            as_json("提取上文中所有电子邮件地址，按出现顺序写成 JSON 数组，只输出数组。", mails),
            as_json("从下面的通知里找出所有手机号，按出现顺序写成 JSON 字符串数组，只输出数组。", phones),
            as_json("整理三个人的联系方式：只输出 JSON 对象，键是姓名，值是文中紧跟其后给出的第一种联系方式（邮箱或手机号）。", {people[0]: mails[0], people[1]: phones[0], people[2]: phones[1]}),
            as_text("下面提到的网址是什么？原样写出，不要写别的。", site, none=mails),
            as_text("找人开发票时要报什么号码？只写号码。", order, none=phones),
        ),
    )  # fmt: skip


def labels(rng: Random) -> Record:
    """The list of a small museum."""
    things = rng.sample(
        (
            ("青铜灯", "铜", "汉代 唐代"), ("彩绘陶罐", "陶", "汉代 唐代 宋代"), ("玉佩", "玉", "汉代 宋代 明代 清代"), ("木雕窗板", "木", "明代 清代"),
            ("蓝印花布", "棉", "明代 清代"), ("铁犁头", "铁", "唐代 宋代 明代"), ("竹骨折扇", "竹", "明代 清代"), ("银簪", "银", "唐代 宋代 清代"),
        ), 5,
    )  # fmt: skip
    eras = [rng.choice(when.split()) for *_, when in things]
    heights = [rng.randint(40, 480) / 10 for _ in things]
    codes = [f"Z{rng.randint(100, 999)}" for _ in things]
    given, bought = rng.sample(range(5), 2)
    giver = names(rng, 1)[0]
    lines = []
    for place, ((thing, material, _), era, height, code) in enumerate(zip(things, eras, heights, codes, strict=True)):
        origin = (
            f"{giver}捐赠"
            if place == given
            else f"{rng.randint(1985, 2015)}年购入"
            if place == bought
            else rng.choice(("本地出土", "旧藏"))
        )
        lines.append(
            rng.choice(
                (
                    "{code} {thing}，{era}，{material}质，长{height}厘米，{origin}",
                    "{thing}（{code}）：{era}；{material}；{height}厘米；{origin}",
                )
            ).format(code=code, thing=thing, era=era, material=material, height=f"{height:g}", origin=origin)
        )
    text = "\n".join(lines)
    objects = [thing for thing, *_ in things]
    longest = objects[heights.index(max(heights))]
    return Record(
        text,
        (
            as_json("把上面的藏品清单转成 JSON 对象：键是编号，值是藏品名称。只输出 JSON。", dict(zip(codes, objects, strict=True))),
            as_name("下面的藏品里，哪一件是别人捐赠的？只写藏品名称。", objects[given], [thing for thing in objects if thing != objects[given]]),
            as_json("哪些藏品是清代或明代的？按原文顺序把名称写成 JSON 数组（没有就写空数组），只输出数组。", [thing for thing, era in zip(objects, eras, strict=True) if era in ("清代", "明代")]),
            as_name("按下面的记录，尺寸最大的藏品是哪一件？只写藏品名称。", longest, [thing for thing in objects if thing != longest]),
            as_json(f"提取“{objects[2]}”的信息，只输出 JSON 对象，键为“编号”“年代”“尺寸”（厘米，数字）。", {"编号": codes[2], "年代": eras[2], "尺寸": int(heights[2]) if heights[2].is_integer() else heights[2]}),
        ),
    )  # fmt: skip


def rota(rng: Random) -> Record:
    """Who is on duty, with two changes."""
    people = names(rng, 5)
    days = ["周一", "周二", "周三", "周四", "周五"]
    one, other = sorted(rng.sample(range(5), 2))
    final = list(people)
    final[one], final[other] = final[other], final[one]
    start = rng.choice((7 * 60 + 30, 8 * 60, 8 * 60 + 30))
    text = (
        f"本周值班安排：{'，'.join(f'{day}{person}' for day, person in zip(days, people, strict=True))}。每天{clock(start)}到岗。\n"
        f"补充：{people[one]}{days[one]}有事，和{days[other]}的{people[other]}对调，其余不变。"
    )
    return Record(
        text,
        (
            as_json("调整之后，每天由谁值班？只输出 JSON 对象，键为“周一”到“周五”，值为姓名。", dict(zip(days, final, strict=True))),
            as_name(f"看下面的安排，{days[one]}最后由谁值班？只写姓名。", final[one], [person for person in people if person != final[one]]),
            as_text("值班的人每天几点到岗？只写时间。", clock(start), clock(start).lstrip("0"), {450: "七点半", 480: "八点", 510: "八点半"}[start], none=people),
            as_json("下面的安排中，值班日期变动的是哪两个人？按原来值班的先后写成 JSON 数组，只输出数组。", [people[one], people[other]]),
        ),
    )  # fmt: skip


KINDS = (vita, log, laboratory, contacts, labels, rota)
"""The kinds of text in this file."""
