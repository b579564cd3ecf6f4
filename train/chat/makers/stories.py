"""Short stories and days in a life: a hero, a wish, an obstacle, a helper, and an end."""

from __future__ import annotations

from random import Random

from makers import numerals
from makers.sample import Sample, capital

_HEROES = (
    ("小兔子", "rabbit", "灰灰", "Nibble"),
    ("小狐狸", "fox", "火火", "Rusty"),
    ("小松鼠", "squirrel", "果果", "Hazel"),
    ("小刺猬", "hedgehog", "团团", "Pip"),
    ("小乌龟", "turtle", "慢慢", "Moss"),
    ("小鸭子", "duckling", "点点", "Dot"),
    ("小猫", "kitten", "雪球", "Snow"),
    ("小熊", "bear", "蜜蜜", "Bruno"),
    ("小老鼠", "mouse", "豆豆", "Bean"),
    ("小象", "elephant", "长长", "Ella"),
    ("小青蛙", "frog", "呱呱", "Lily"),
    ("小鹿", "deer", "朵朵", "Fern"),
)
_PLACES = (
    ("大森林里", "in a deep forest"),
    ("小河边", "by a small river"),
    ("山脚下", "at the foot of a mountain"),
    ("一片草地上", "on a wide meadow"),
    ("湖边的芦苇里", "in the reeds by a lake"),
    ("老橡树下", "under an old oak"),
    ("村子后面的果园里", "in the orchard behind the village"),
    ("海边的沙丘上", "on the dunes by the sea"),
)
# the wish; what stands in the way; how it ends
_PLOTS = (
    (
        ("看看山那边的世界", "to see the land behind the mountain"),
        ("路很陡，走几步就要滑下来", "the path was steep and slippery"),
        ("踩着别人留下的脚印一步一步走了上去", "went up step by step in the footprints of others"),
    ),
    (
        ("学会唱歌", "to learn to sing"),
        ("一开口就跑调", "every note came out wrong"),
        ("每天早上跟着风声练一小会儿", "practised a little every morning with the wind"),
    ),
    (
        ("给妈妈找一份生日礼物", "to find a birthday present for mother"),
        ("口袋里一个硬币也没有", "there was not a single coin in the pocket"),
        ("用落叶和浆果做了一个花环", "made a wreath of leaves and berries"),
    ),
    (
        ("找到丢失的红帽子", "to find a lost red hat"),
        ("风把帽子吹得很远", "the wind had carried the hat far away"),
        ("顺着风的方向问了一家又一家", "followed the wind and asked at every door"),
    ),
    (
        ("过河去看朋友", "to cross the river and visit a friend"),
        ("桥被大水冲走了", "the flood had taken the bridge away"),
        ("用三根木头扎了一只小筏子", "tied three logs into a small raft"),
    ),
    (
        ("存够过冬的粮食", "to gather enough food for the winter"),
        ("下了一整个秋天的雨", "it rained all through the autumn"),
        ("和邻居们一起把粮食晒干分好", "dried and shared the food with the neighbours"),
    ),
    (
        ("种出最大的南瓜", "to grow the largest pumpkin"),
        ("种子一直不发芽", "the seed would not sprout"),
        ("耐心地浇水，又等了七天", "watered it patiently and waited seven days more"),
    ),
    (
        ("数清天上的星星", "to count the stars"),
        ("数着数着就睡着了", "sleep always came too soon"),
        ("把天空分成小块，一晚数一块", "divided the sky into pieces and counted one each night"),
    ),
    (
        ("修好爷爷的旧灯笼", "to mend grandfather's old lantern"),
        ("最小的一颗螺丝找不到了", "the smallest screw was missing"),
        ("用一小截松枝代替了螺丝", "used a bit of pine twig instead"),
    ),
    (
        ("交一个新朋友", "to make a new friend"),
        ("不敢先开口", "it was hard to speak first"),
        ("分给对方半块蜂蜜蛋糕", "offered half a honey cake"),
    ),
)
_HELPERS = (
    ("一只猫头鹰", "an owl"),
    ("一只老山羊", "an old goat"),
    ("一群蚂蚁", "some ants"),
    ("一只蜗牛", "a snail"),
    ("一位打柴的老人", "an old woodcutter"),
    ("一只啄木鸟", "a woodpecker"),
    ("路过的燕子", "a passing swallow"),
)
_ADVICE = (
    ("别着急，慢慢来", "do not hurry"),
    ("先想一想，再动手", "think first, then act"),
    ("一个人做不到的，两个人也许可以", "two can do what one cannot"),
    ("看看你手里已经有什么", "look at what you already have"),
    ("今天做一点，明天再做一点", "do a little today and a little tomorrow"),
)
_MORALS = (
    ("有耐心的人走得远", "those who are patient go far"),
    ("愿意帮忙的人不会孤单", "those who help are never alone"),
    ("办法总比困难多", "there are more ways than troubles"),
    ("开口问路的人不会迷路", "those who ask do not get lost"),
    ("小小的努力也会长大", "small efforts grow"),
)


def story(rng: Random) -> Sample:
    """A story, asked for or told, sometimes with a question about it."""
    hero, place, plot, helper = rng.choice(_HEROES), rng.choice(_PLACES), rng.choice(_PLOTS), rng.choice(_HELPERS)
    advice, moral = rng.choice(_ADVICE), rng.choice(_MORALS)
    wish, trouble, end = plot
    key = f"story:{hero[1]}:{wish[1]}"
    told = rng.random() < 0.35
    if rng.random() < 0.5:
        opening = rng.choice(("从前，", "很久以前，", ""))
        text = (
            f"{opening}{place[0]}住着一只{hero[0]}，名字叫{hero[2]}。{hero[2]}一直想{wish[0]}，可是{trouble[0]}。"
            f"{rng.choice(('一天', '有一天早上', '第二天'))}，{helper[0]}对{hero[2]}说：“{advice[0]}。”"
            f"{hero[2]}点点头，{end[0]}。最后，{hero[2]}的愿望实现了。{moral[0]}。"
        )
        if told:
            return Sample("zh", key, text=text)
        turns = [
            rng.choice(
                (f"讲一个{hero[0]}的故事。", f"请给我讲个故事，主角是{hero[0]}。", f"写一个关于{hero[0]}的小故事。")
            ),
            text,
        ]
        more = (
            (f"{hero[0]}叫什么名字？", f"它叫{hero[2]}。"),
            ("它有什么愿望？", f"它想{wish[0]}。"),
            ("谁帮助了它？", f"{helper[0]}。"),
            ("故事告诉我们什么？", f"{moral[0]}。"),
        )
        return Sample("zh", key, (*turns, *(rng.choice(more) if rng.random() < 0.5 else ())))
    opening = rng.choice(("Once upon a time", "Long ago"))
    text = (
        f"{opening} there lived {_a(hero[1])} {place[1]}. The {hero[1]} was called {hero[3]}. {hero[3]} had one wish: "
        f"{wish[1]}. But {trouble[1]}. One day {helper[1]} said: “{capital(advice[1])}.” So {hero[3]} {end[1]}, and in "
        f"the end the wish came true. {capital(moral[1])}."
    )
    if told:
        return Sample("en", key, text=text)
    turns = [rng.choice((f"Tell me a story about {_a(hero[1])}.", f"Write a short story about {_a(hero[1])}.")), text]
    more = (
        (f"What was the {hero[1]} called?", f"{hero[3]}."),
        ("What was the wish?", f"The wish was {wish[1]}."),
        ("Who helped?", f"{capital(helper[1])} helped."),
        ("What does the story teach?", f"{capital(moral[1])}."),
    )
    return Sample("en", key, (*turns, *(rng.choice(more) if rng.random() < 0.5 else ())))


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


_PEOPLE = (
    ("小王", "Anna"),
    ("小李", "David"),
    ("小张", "Nora"),
    ("小陈", "Martin"),
    ("小周", "Clara"),
    ("小赵", "Simon"),
)
_JOBS = (
    ("邮局", "the post office"),
    ("学校", "the school"),
    ("书店", "the bookshop"),
    ("医院", "the hospital"),
    ("面包房", "the bakery"),
    ("车站", "the station"),
)
_BREAKFASTS = (
    ("豆浆和油条", "porridge and an apple"),
    ("牛奶和面包", "bread and milk"),
    ("小米粥", "a bowl of porridge"),
    ("鸡蛋和一个苹果", "an egg and an apple"),
)
_TRAVEL = (
    ("骑自行车", "by bicycle"),
    ("坐公共汽车", "by bus"),
    ("坐地铁", "by underground train"),
    ("走路", "on foot"),
)
_EVENINGS = (
    ("读一本历史书", "reads a history book"),
    ("和朋友下棋", "plays chess with a friend"),
    ("给父母打电话", "calls home"),
    ("在河边散步", "walks by the river"),
    ("学做一道新菜", "tries a new recipe"),
)


def day(rng: Random) -> Sample:
    """Somebody's day as a passage, with questions about it."""
    (name_zh, name), (job_zh, job), (food_zh, food) = rng.choice(_PEOPLE), rng.choice(_JOBS), rng.choice(_BREAKFASTS)
    (way_zh, way), (evening_zh, evening) = rng.choice(_TRAVEL), rng.choice(_EVENINGS)
    up, home = rng.randint(5, 8), rng.randint(5, 8)
    key = f"day:{name}:{job}:{food}:{way}:{up}"
    if rng.random() < 0.5:
        text = (
            f"{name_zh}早上{numerals.zh(up)}点起床，早饭吃{food_zh}，然后{way_zh}去{job_zh}上班。"
            f"下午{numerals.zh(home)}点回家，晚上{evening_zh}。"
        )
        asks = [
            ("几点起床？", f"早上{numerals.zh(up)}点。"),
            ("早饭吃什么？", f"吃{food_zh}。"),
            ("在哪里上班？", f"在{job_zh}上班。"),
            ("怎么去上班？", f"{way_zh}去上班。"),
            ("晚上做什么？", f"晚上{evening_zh}。"),
        ]
        lead, language = f"{text}\n{name_zh}", "zh"
    else:
        text = (
            f"{name} gets up at {numerals.en(up)}, has {food} for breakfast and goes {way} to work at {job}. "
            f"At {numerals.en(home)} in the evening {name} is home again and {evening}."
        )
        asks = [
            (f"When does {name} get up?", f"At {numerals.en(up)}."),
            (f"What does {name} have for breakfast?", f"{capital(food)}."),
            (f"Where does {name} work?", f"At {job}."),
            (f"How does {name} go to work?", f"{capital(way)}."),
            (f"What does {name} do in the evening?", f"In the evening {name} {evening}."),
        ]
        lead, language = f"{text}\n", "en"
    if rng.random() < 0.3:
        return Sample(language, key, text=text)  # type: ignore[arg-type]
    turns = [turn for pair in rng.sample(asks, rng.randint(1, 3)) for turn in pair]
    return Sample(language, key, (lead + turns[0], *turns[1:]))  # type: ignore[arg-type]
