"""What is bought, ordered, let and sold, in Chinese."""

from __future__ import annotations

from random import Random

from assets.evaluation.makers.draft import plain
from assets.evaluation.makers.extract.pools import STREETS, clock, day, mobile, names
from assets.evaluation.makers.extract.record import Record, as_json, as_name, as_number, as_text

_GOODS = (
    ("核桃仁", 46), ("挂面", 9.5), ("酱油", 14), ("洗洁精", 11.5), ("毛巾", 18), ("鲜牛奶", 6.5), ("土豆", 4), ("电池", 21),
    ("蜂蜜", 39), ("抽纸", 16.5), ("鸡蛋", 19), ("拖鞋", 25), ("菠菜", 5.5), ("保温杯", 68), ("橡皮", 2), ("冻虾", 52),
    ("雨伞", 45), ("香皂", 7.5), ("豆腐", 3.5), ("衣架", 23), ("燕麦片", 28), ("台灯", 79), ("剪刀", 12.5), ("粉丝", 8),
)  # fmt: skip
_DISHES = (
    "酸菜鱼",
    "蒜蓉茼蒿",
    "口水鸡",
    "红烧茄子",
    "干锅花菜",
    "番茄牛腩",
    "扬州炒饭",
    "凉拌木耳",
    "小米粥",
    "葱油饼",
    "豆沙包",
    "冬瓜汤",
)


def receipt(rng: Random) -> Record:
    """A supermarket receipt."""
    shop = rng.choice(("禾家超市", "四季便利店", "惠邻生鲜", "长桥百货", "鲜到家", "邻里杂货铺")) + rng.choice(
        ("一店", "二店", "东门店", "北苑店")
    )
    when, minutes = day(rng), rng.randrange(8 * 60, 21 * 60)
    lines = [(name, price, rng.randint(1, 5)) for name, price in rng.sample(_GOODS, rng.randint(5, 7))]
    total = sum(price * count for _, price, count in lines)
    saved = rng.choice((2, 3, 5, 8))
    paid = -(-(total - saved) // 100) * 100
    rows = "\n".join(f"{name}  {plain(price)}×{count}  {plain(price * count)}" for name, price, count in lines)
    text = (
        f"{shop}\n{when:%Y/%m/%d} {clock(minutes)}  收银员 {rng.randint(3, 40):03}\n{rows}\n商品合计 {plain(total)}\n"
        f"会员优惠 -{saved}\n实付 {plain(total - saved)}  现金 {plain(paid)}  找零 {plain(paid - total + saved)}\n小票号 {rng.randrange(10**6):06}，退换货请凭此票"
    )
    goods = [name for name, *_ in lines]
    most = max(lines, key=lambda line: line[1])
    dear = [name for name, price, _ in lines if price >= 15]
    return Record(
        f"【购物小票】\n{text}",
        (
            as_json("请从小票中提取信息，只输出一个 JSON 对象，键为“店名”“日期”（写成 YYYY-MM-DD）“实付”（数字）。", {"店名": shop, "日期": when.isoformat(), "实付": _whole(total - saved)}),
            as_number("下面这张小票上一共买了多少件商品（各行数量之和）？只写数字。", sum(count for *_, count in lines)),
            as_name("单价最高的商品是哪一种？只写商品名。", most[0], [name for name in goods if name != most[0]]),
            as_json("把下面小票里单价不低于 15 元的商品名按出现顺序放进一个 JSON 数组，只输出这个数组。", dear),
            as_number("收银员找给顾客多少元？只写数字。", paid - total + saved),
            as_number(f"买{goods[1]}一共花了多少元（优惠前）？只写数字。", lines[1][1] * lines[1][2]),
        ),
    )  # fmt: skip


def takeaway(rng: Random) -> Record:
    """An order that is given on the telephone."""
    guest = names(rng, 1)[0]
    first, second, third, dropped = rng.sample(_DISHES, 4)
    counts = [rng.randint(1, 3), rng.randint(2, 4), rng.randint(1, 2)]
    number, street, room = (
        mobile(rng),
        rng.choice(STREETS),
        f"{rng.randint(1, 9)}号楼{rng.randint(2, 18)}0{rng.randint(1, 4)}室",
    )
    minutes, people = rng.randrange(17 * 60, 19 * 60, 10), rng.randint(3, 8)
    digits = "零一两三四"
    spicy = rng.choice(("不要辣", "微辣就行", "少放油", "多给两包餐巾纸"))
    text = (
        f"店员：您好，这里是老灶台，请问要点什么？\n顾客：来{digits[counts[0]]}份{first}，{digits[counts[1]]}份{second}，再来一份{dropped}。\n"
        f"店员：好的，{dropped}要等半小时左右。\n顾客：那{dropped}不要了，换{digits[counts[2]]}份{third}吧，{spicy}。\n"
        f"店员：送到哪里？\n顾客：{street}{room}，我姓{guest[0]}，电话{number}。我们{people}个人，餐具别少给。\n"
        f"店员：没问题，{clock(minutes)}之前送到。"
    )
    dishes = [first, second, third, dropped]
    return Record(
        text,
        (
            as_json("根据上面的通话，列出最终的订单。只输出 JSON 对象，键是菜名，值是份数（整数），取消的菜不要写。", dict(zip(dishes[:3], counts, strict=True))),
            as_name("下面的电话里，顾客最后取消了哪道菜？只写菜名。", dropped, dishes[:3]),
            as_json("提取送餐信息，只输出 JSON 对象，键为“地址”“电话”“最晚送达”（写成 HH:MM），地址照原文写。", {"地址": street + room, "电话": number, "最晚送达": clock(minutes)}),
            as_number("读下面的对话，要准备几套餐具（一人一套）？只写数字。", people),
            as_text("顾客对口味或服务提了什么额外要求？照原文摘出来，不要加别的内容。", spicy, none=dishes),
        ),
    )  # fmt: skip


def rental(rng: Random) -> Record:
    """An advertisement for a flat."""
    owner, street = names(rng, 1)[0], rng.choice(STREETS)
    area, rent, floor, top = rng.randint(38, 120), rng.randrange(1200, 4800, 50), rng.randint(2, 9), rng.randint(10, 18)
    deposit, walk, fee = rng.choice((1, 2)), rng.randint(3, 18), rng.choice((60, 80, 95, 110))
    rooms, halls = rng.randint(1, 3), rng.randint(1, 2)
    free = day(rng)
    things = rng.sample(("洗衣机", "冰箱", "空调", "热水器", "沙发", "书桌", "微波炉", "宽带"), 4)
    missing = rng.choice(("电视", "油烟机", "床垫"))
    phone = mobile(rng)
    text = rng.choice(
        (
            ("【出租】{street}附近{rooms}室{halls}厅，{area}平米，共{top}层的楼住在{floor}层，有电梯。家里{things}都有，就缺{missing}。月租{rent}元，"
            "押{short}付三，物业费每月{fee}元由租客付。步行{walk}分钟到地铁站。{free}起可入住，只租给不养宠物的朋友。联系{owner}{phone}，中介勿扰。"),
            ("本人房子一套招租，不通过中介。位置在{street}，离地铁站走路{walk}分钟。{area}平，{rooms}室{halls}厅，{floor}楼（总高{top}楼）。"
            "可以拎包入住：{things}；{missing}需要自己买。租金一个月{rent}，押金收{deposit}个月的，三个月一交，另有物业费{fee}元/月。"
            "{free}以后随时能搬。养猫狗的请绕行。有意请打{phone}找{owner}。"),
        )
    ).format(
        street=street, rooms=rooms, halls=halls, area=area, top=top, floor=floor, things="、".join(things), missing=missing,
        rent=rent, deposit="一两"[deposit - 1], short="一二"[deposit - 1], fee=fee, walk=walk, free=f"{free.month}月{free.day}日", owner=owner, phone=phone,
    )  # fmt: skip
    return Record(
        text,
        (
            as_json("把上面的租房信息整理成 JSON 对象，键为“面积”“月租”“楼层”“总层数”，值都是整数（单位分别是平方米、元、层、层）。只输出 JSON。", {"面积": area, "月租": rent, "楼层": floor, "总层数": top}),
            as_number("签约时要先交押金和第一次房租（三个月），一共多少元？物业费不算。只写数字。", rent * (deposit + 3)),
            as_json("屋里已经配好的东西有哪些？按原文顺序写成 JSON 数组，只输出数组。", things),
            as_text("下面这套房子不接受什么样的租客？用不超过十五个字回答，不要写联系方式。", "养宠物的租客", "养猫", "宠物", "养狗", none=[phone]),
            as_name("要看房应当找谁？只写姓名。", owner, [phone, street]),
            as_number("下面的房子，房租加物业费，住满一年一共要付多少元？押金不算。只写数字。", (rent + fee) * 12),
        ),
    )  # fmt: skip


def parcels(rng: Random) -> Record:
    """Messages of a parcel station in a group chat."""
    people = names(rng, 5)
    shelves = rng.sample(range(1, 9), 5)
    codes = [f"{shelf}-{rng.randint(1, 6)}-{rng.randint(1000, 9999)}" for shelf in shelves]
    cold, late = rng.sample(range(5), 2)
    fees = rng.choice((1, 2, 3))
    rows = []
    for place, (person, code) in enumerate(zip(people, codes, strict=True)):
        note = (
            "（冷藏，请今天取走）"
            if place == cold
            else f"（已放{rng.randint(3, 6)}天，超期保管费{fees}元）"
            if place == late
            else ""
        )
        rows.append(f"{person} 取件码 {code}{note}")
    closing, *spoken_closing = rng.choice(
        (("20:30", "八点半", "8点半"), ("21:00", "九点", "9点"), ("21:30", "九点半", "9点半"))
    )
    text = f"驿站通知：今天到的件如下，营业到{closing}。\n" + "\n".join(rows) + "\n请大家尽快来取，取时报取件码。"
    return Record(
        text,
        (
            as_json("把上面的通知转成 JSON 对象：键是姓名，值是取件码。只输出 JSON。", dict(zip(people, codes, strict=True))),
            as_name("读下面的通知，谁的包裹要冷藏？只写姓名。", people[cold], [one for one in people if one != people[cold]]),
            as_name("谁要交保管费？只写姓名。", people[late], [one for one in people if one != people[late]]),
            as_name("取件码以最大的数字开头的人是谁？只写姓名。", people[shelves.index(max(shelves))], [one for one, shelf in zip(people, shelves, strict=True) if shelf != max(shelves)]),
            as_text("驿站今天几点关门？只写时间。", closing, *spoken_closing, none=codes),
        ),
    )  # fmt: skip


def secondhand(rng: Random) -> Record:
    """A few things that one person sells before moving house."""
    stock = rng.sample((("山地车", 900), ("吉他", 650), ("电饭锅", 260), ("显示器", 1100), ("婴儿车", 700), ("书架", 320), ("咖啡机", 850), ("哑铃", 150), ("缝纫机", 540)), 4)  # fmt: skip
    ages = rng.sample(range(1, 8), 4)
    asked = [price * rng.choice((3, 4, 5, 6)) // 10 for _, price in stock]
    flaw = rng.choice(("外面有一道划痕", "说明书丢了", "边角磕掉一点漆", "少一颗螺丝"))
    flawed = rng.randrange(4)
    parts = []
    for place, ((name, price), age, offer) in enumerate(zip(stock, ages, asked, strict=True)):
        wording = rng.choice(
            (
                "{name}，原价{price}，用了{age}年，现在{offer}出",
                "{name}{offer}元，{age}年前{price}买的",
                "{name}：入手价{price}元，使用{age}年，转让价{offer}元",
            )
        )
        parts.append(
            wording.format(name=name, price=price, age=age, offer=offer) + (f"，{flaw}" if place == flawed else "")
        )
    off = rng.choice((20, 30, 50))
    text = f"搬家清闲置，{'；'.join(parts)}。两件以上一起拿，总价再减{off}元，只限自提。"
    goods = [name for name, _ in stock]
    table = [{"名称": name, "原价": price, "现价": offer} for (name, price), offer in zip(stock, asked, strict=True)]
    oldest = goods[ages.index(max(ages))]
    return Record(
        text,
        (
            as_json("把上文出售的物品整理成 JSON 数组，每个元素是对象，键为“名称”“原价”“现价”，价格是整数，按原文顺序。只输出 JSON。", table),
            as_name("下面的物品中，哪一件使用时间最长？只写名称。", oldest, [name for name in goods if name != oldest]),
            as_number(f"同时买下{goods[0]}和{goods[2]}要付多少元？只写数字。", asked[0] + asked[2] - off),
            as_name("卖家说哪一件有瑕疵或缺损？只写名称。", goods[flawed], [name for name in goods if name != goods[flawed]]),
        ),
    )  # fmt: skip


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


KINDS = (receipt, takeaway, rental, parcels, secondhand)
"""The kinds of text in this file."""
