"""Rewriting in Chinese into another format: JSON, CSV, Markdown, numbered steps, sorted lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from random import Random

from assets.evaluation.makers.draft import Draft, contains, length, pattern, value_schema
from assets.evaluation.makers.extract.pools import clock, names


def list_to_json() -> list[Draft]:
    """Lines and sentences become JSON."""
    rng = Random("rewrite:json")  # noqa: S311 - not a secret
    classes = [
        {"课程": course, "星期": day, "人数": rng.randint(6, 24)}
        for course, day in zip(("陶艺", "围棋", "油画", "合唱"), rng.sample("一二三四五六", 4), strict=True)
    ]
    pets = [
        {"名字": name, "种类": kind, "年龄": rng.randint(1, 12)}
        for name, kind in zip(rng.sample(("团子", "阿黄", "芝麻", "闪电", "汤圆"), 3), ("猫", "狗", "龟"), strict=True)
    ]
    shelf = {
        room: rng.sample(things, 2)
        for room, things in (
            ("厨房", ("砂锅", "菜刀", "蒸笼")),
            ("书房", ("台灯", "地球仪", "算盘")),
            ("阳台", ("花架", "水壶", "摇椅")),
        )
    }
    route = [
        {"站": stop, "到达": clock(at)}
        for stop, at in zip(("西门", "医院", "渡口", "新村"), sorted(rng.sample(range(420, 560), 4)), strict=True)
    ]
    cases = (
        (classes, "\n".join(f"- {row['课程']}班，周{row['星期']}上课，{row['人数']}人" for row in classes), "把下面的列表改写成 JSON 数组，每个元素的键为“课程”（不带“班”字）“星期”（只写数字汉字，如“三”）“人数”（整数）。只输出 JSON。\n\n{text}"),
        (pets, "；".join(f"{row['名字']}是一只{row['年龄']}岁的{row['种类']}" for row in pets) + "。", "{text}\n\n请把这段介绍转成 JSON 数组，键为“名字”“种类”“年龄”（整数），顺序不变，除 JSON 外不要输出别的。"),
        (shelf, "".join(f"{room}里放着{things[0]}和{things[1]}。" for room, things in shelf.items()), "将这几句话改写为一个 JSON 对象：键是房间，值是物品数组（按原文顺序）。只要 JSON。\n{text}"),
        (route, "→".join(f"{row['站']}（{row['到达']}）" for row in route), "{text}\n把上面的行车路线改成 JSON 数组，每一站一个对象，键为“站”和“到达”（字符串），只输出 JSON。"),
    )  # fmt: skip
    return [
        Draft("zh", ask.format(text=text), json.dumps(value, ensure_ascii=False), checks=[{"type": "json", "schema": value_schema(value)}])
        for value, text, ask in cases
    ]  # fmt: skip


def tables() -> list[Draft]:
    """A table in Markdown becomes CSV, CSV becomes a table, and a table becomes lines of words."""
    rng = Random("rewrite:tables")  # noqa: S311 - not a secret
    rows = [
        ["书名", "页数", "价格"],
        *([title, str(rng.randint(90, 480)), str(rng.randint(18, 75))] for title in ("渡口", "山的背面", "雨季手记")),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * 3, *rows[1:]))
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    other = [
        ["队名", "胜", "负"],
        *([team, str(rng.randint(1, 9)), str(rng.randint(1, 9))] for team in ("飞鱼", "老榕树", "红砖")),
    ]
    other_csv = "\n".join(",".join(row) for row in other)
    cells = r"[^\S\n]*\|[^\S\n]*"
    in_order = r"[^\n]*\n[\s\S]*?".join(cells.join(row) for row in other)
    third = [["蔬菜", "播种", "收获"], ["萝卜", "八月", "十月"], ["豌豆", "十月", "次年四月"], ["茄子", "三月", "六月"]]
    third_table = "\n".join(f"| {' | '.join(row)} |" for row in (third[0], ["---"] * 3, *third[1:]))
    lines = [f"{row[0]}：{row[1]}播种，{row[2]}收获" for row in third[1:]]
    return [
        Draft("zh", f"把下面的 Markdown 表格改写成 CSV（英文逗号分隔，含表头，逗号后不加空格），只输出 CSV：\n\n{table}", buffer.getvalue().strip(), checks=[contains(buffer.getvalue().strip(), none=["|"])]),
        Draft("zh", f"{other_csv}\n\n上面是 CSV，请改成 Markdown 表格，列和行的顺序不变。", "\n".join(f"| {' | '.join(row)} |" for row in (other[0], ["---"] * 3, *other[1:])), checks=[pattern(in_order), pattern(r"\|\s*:?-{2,}")]),
        Draft("zh", f"{third_table}\n\n不用表格，把上面的内容改写成三行，每行的格式是“名称：某月播种，某月收获”，例如“韭菜：二月播种，四月收获”。", "\n".join(lines), checks=[contains(*lines, none=["|"])]),
    ]  # fmt: skip


def steps() -> list[Draft]:
    """A paragraph of instructions becomes numbered steps."""
    cases = (
        ("先把旧窗纸用温水润湿，等十分钟再撕。撕净以后刮掉窗棂上的糨糊。然后量好尺寸裁纸，四边各留一厘米。最后刷上薄糨糊，从中间往两边抹平。", ("温水", "糨糊", "一厘米", "抹平"), 4, "把下面的做法改写成 4 个步骤，每步一行，行首用“1.”“2.”这样的编号，除步骤外不要写别的：\n\n{text}"),
        ("要给罗盘校准，首先离开汽车和铁栏杆至少二十米，接着把它平放在手心，慢慢转两圈，等指针停稳后对照太阳的方位，若偏差超过五度，就用小螺丝刀拧动背面的旋钮。", ("二十米", "两圈", "五度", "旋钮"), None, "{text}\n\n请将上述说明整理成带编号的步骤清单（阿拉伯数字加点，每步单独一行），不要开头语和结束语。"),
        ("腌雪里蕻并不难：菜洗净后挂一天，晾到发蔫；切碎，每斤菜拌二两盐，揉出汁来；装进坛子压紧，封口；三周以后就能吃了，期间不要开坛。", ("发蔫", "二两盐", "压紧", "三周"), None, "把这段话改成编号步骤，写成“1. ……”的样子，一步一行，只写步骤。\n\n{text}"),
    )  # fmt: skip
    references = (
        "1. 用温水把旧窗纸润湿，等十分钟后撕下。\n2. 刮掉窗棂上的糨糊。\n3. 量好尺寸裁纸，四边各留一厘米。\n4. 刷上薄糨糊，从中间往两边抹平。",
        "1. 离开汽车和铁栏杆至少二十米。\n2. 把罗盘平放在手心，慢慢转两圈。\n3. 等指针停稳后，对照太阳的方位。\n4. 若偏差超过五度，用小螺丝刀拧动背面的旋钮。",
        "1. 菜洗净，挂一天，晾到发蔫。\n2. 切碎，每斤菜拌二两盐，揉出汁。\n3. 装坛压紧，封口。\n4. 等三周再吃，期间不要开坛。",
    )
    result = []
    for (text, kept, count, ask), reference in zip(cases, references, strict=True):
        checks = [contains(*kept), pattern(r"^\s*1[.．、][\s\S]*\n\s*2[.．、][\s\S]*\n\s*3[.．、]")]
        if count:
            checks.append(length("lines", count, count))
        rubric = ["步骤的先后与原文一致", "没有漏掉原文中的数字条件", "没有添加原文没有的步骤"]
        result.append(Draft("zh", ask.format(text=text), reference, rubric, checks))
    return result


def ordered_lines() -> list[Draft]:
    """Lines are sorted, or the ones that come twice are taken out."""
    rng = Random("rewrite:lines")  # noqa: S311 - not a secret
    people, scores = names(rng, 5), rng.sample(range(60, 99), 5)
    rows = [f"{person} {score}" for person, score in zip(people, scores, strict=True)]
    best = [row for _, row in sorted(zip(scores, rows, strict=True), reverse=True)]
    goods = ["酱油", "木耳", "粉条", "八角", "冰糖"]
    noted = [*goods[:3], goods[1], goods[3], goods[0], goods[4], goods[3]]
    years = rng.sample(range(1900, 2000), 4)
    events = [
        f"{year}年{what}" for year, what in zip(years, ("设立邮局", "通了公路", "建起水塔", "办了小学"), strict=True)
    ]
    in_time = [event for _, event in sorted(zip(years, events, strict=True))]
    return [
        Draft("zh", "把下面的成绩按分数从高到低重新排列，每行的内容不变：\n" + "\n".join(rows), "\n".join(best), checks=[contains("\n".join(best))]),
        Draft("zh", "购物单上有重复的东西。请去掉重复项，保留每样第一次出现的位置，用顿号连成一行：\n" + "\n".join(noted), "、".join(goods), checks=[contains("、".join(goods))]),
        Draft("zh", "、".join(events) + "。\n\n按年份先后重写上面这句话，各项的文字照旧，仍用顿号隔开。", "、".join(in_time) + "。", checks=[contains("、".join(in_time))]),
    ]  # fmt: skip


def data_to_words() -> list[Draft]:
    """A JSON object becomes a sentence."""
    rng = Random("rewrite:words")  # noqa: S311 - not a secret
    person = names(rng, 1)[0]
    ship = {"船名": "白鹭号", "载客": rng.randint(120, 480), "首航": 1987, "航线": ["南埠", "小岙", "灯塔岛"]}
    guest = {"姓名": person, "房号": f"{rng.randint(2, 9)}0{rng.randint(1, 9)}", "早餐": True, "离店": "周四"}
    plant = {"植物": "紫背天葵", "浇水间隔天数": rng.randint(3, 9), "忌": ["暴晒", "积水"]}
    cases = (
        (ship, ["白鹭号", str(ship["载客"]), "1987", "南埠", "小岙", "灯塔岛"], f"白鹭号1987年首航，可载客{ship['载客']}人，往来于南埠、小岙和灯塔岛之间。", "请把这份数据写成一句通顺的话，介绍这条船，所有信息都要用上：\n{text}"),
        (guest, [person, str(guest["房号"]), "早餐", "周四"], f"{person}住{guest['房号']}房，含早餐，周四离店。", "{text}\n\n前台要口头交接，请把上面的 JSON 改写成一句口语，不要出现引号和花括号。"),
        (plant, ["紫背天葵", str(plant["浇水间隔天数"]), "暴晒", "积水"], f"紫背天葵每隔{plant['浇水间隔天数']}天浇一次水，忌暴晒和积水。", "把下面的养护数据改成给花店顾客看的一句提示，保留全部内容：\n\n{text}"),
    )  # fmt: skip
    rubric = ["是通顺自然的句子，而不是字段的罗列", "数据中的信息没有遗漏、没有改动"]
    return [
        Draft("zh", ask.format(text=json.dumps(value, ensure_ascii=False)), reference, rubric, [contains(*kept, none=["{", "}", *(f"{key}：" for key in value)], longest=90)])
        for value, kept, reference, ask in cases
    ]  # fmt: skip


MAKERS: Sequence[Callable[[], list[Draft]]] = (list_to_json, tables, steps, ordered_lines, data_to_words)
"""The kinds of rewriting in this file."""
