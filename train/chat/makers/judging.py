"""Classification of moods and topics, polite wording, and notices from which details are extracted."""

from __future__ import annotations

from random import Random

from makers import numerals
from makers.sample import Sample, capital

_REVIEWS = (
    # thing; good things said of it; bad things said of it
    (
        ("这家饭馆", "this restaurant"),
        (
            ("菜很好吃", "the food is delicious"),
            ("服务很周到", "the service is kind"),
            ("价格公道", "the prices are fair"),
            ("地方干净", "the place is clean"),
        ),
        (
            ("菜太咸", "the food is too salty"),
            ("等了很久", "we waited for ages"),
            ("价格太贵", "the prices are too high"),
            ("桌子很脏", "the tables are dirty"),
        ),
    ),
    (
        ("这部电影", "this film"),
        (
            ("故事很感人", "the story is moving"),
            ("演员很出色", "the actors are excellent"),
            ("画面很美", "the pictures are beautiful"),
            ("音乐很好听", "the music is lovely"),
        ),
        (
            ("故事很无聊", "the story is boring"),
            ("演员很僵硬", "the actors are stiff"),
            ("时间太长", "it is far too long"),
            ("结尾很乱", "the ending is confused"),
        ),
    ),
    (
        ("这家旅馆", "this hotel"),
        (
            ("房间很干净", "the room is clean"),
            ("床很舒服", "the bed is comfortable"),
            ("早餐很丰富", "the breakfast is rich"),
            ("离车站很近", "it is close to the station"),
        ),
        (
            ("房间很吵", "the room is noisy"),
            ("床太硬", "the bed is too hard"),
            ("没有热水", "there is no hot water"),
            ("前台没有礼貌", "the desk is rude"),
        ),
    ),
    (
        ("这本书", "this book"),
        (
            ("写得很清楚", "it is clearly written"),
            ("例子很有用", "the examples are useful"),
            ("让人放不下", "it is hard to put down"),
            ("插图很精美", "the pictures are fine"),
        ),
        (
            ("错字太多", "it is full of misprints"),
            ("写得太乱", "it is badly arranged"),
            ("内容很空", "it says very little"),
            ("字太小", "the print is too small"),
        ),
    ),
    (
        ("这部手机", "this phone"),
        (
            ("屏幕很亮", "the screen is bright"),
            ("电池很耐用", "the battery lasts long"),
            ("拍照很清楚", "the photos are sharp"),
            ("用起来很快", "it is fast"),
        ),
        (
            ("电池不耐用", "the battery dies early"),
            ("经常死机", "it often freezes"),
            ("声音太小", "the sound is too quiet"),
            ("发热很厉害", "it gets very hot"),
        ),
    ),
    (
        ("这双鞋", "these shoes"),
        (
            ("穿着很轻", "they are light"),
            ("走路很舒服", "they are comfortable"),
            ("样子好看", "they look good"),
            ("很耐穿", "they wear well"),
        ),
        (
            ("有点夹脚", "they pinch"),
            ("鞋底容易磨坏", "the soles wear out quickly"),
            ("颜色和图片不一样", "the colour is not as shown"),
            ("味道很重", "they smell"),
        ),
    ),
    (
        ("这门课", "this course"),
        (
            ("老师讲得很生动", "the teacher is lively"),
            ("作业很有用", "the exercises are useful"),
            ("学到了很多", "I learned a lot"),
            ("内容安排合理", "it is well planned"),
        ),
        (
            ("老师讲得太快", "the teacher is too fast"),
            ("作业太多", "there is too much homework"),
            ("内容过时", "it is out of date"),
            ("没有例子", "there are no examples"),
        ),
    ),
)
_TOPICS = (
    # topic; who; what happened
    (
        ("体育", "sports"),
        (("校队", "the school team"), ("这名球员", "the player"), ("女子队", "the women's team")),
        (
            ("在决赛中赢了比赛", "won the final"),
            ("打破了纪录", "broke the record"),
            ("最后一分钟进了球", "scored in the last minute"),
            ("因为受伤退出比赛", "withdrew from the race with an injury"),
        ),
    ),
    (
        ("天气", "weather"),
        (("北方", "the north"), ("沿海地区", "the coast"), ("山区", "the hill country")),
        (
            ("今晚有大雪", "expects heavy snow tonight"),
            ("明天会刮大风", "expects strong wind tomorrow"),
            ("将持续高温", "will stay very hot"),
            ("周末有雷雨", "expects thunderstorms at the weekend"),
        ),
    ),
    (
        ("科技", "technology"),
        (("这家公司", "the company"), ("实验室", "the laboratory"), ("研究小组", "the research group")),
        (
            ("发布了新的芯片", "presented a new chip"),
            ("改进了电池", "improved the battery"),
            ("公开了程序的源代码", "published the source code"),
            ("造出了更小的机器人", "built a smaller robot"),
        ),
    ),
    (
        ("美食", "food"),
        (("这家小店", "the little shop"), ("奶奶", "grandmother"), ("新来的厨师", "the new cook")),
        (
            ("做的饺子皮薄馅大", "makes dumplings with thin skins"),
            ("用慢火炖了一锅汤", "simmers a pot of soup"),
            ("烤的面包又香又脆", "bakes crisp bread"),
            ("拌的凉菜很爽口", "mixes a fresh salad"),
        ),
    ),
    (
        ("教育", "education"),
        (("学校", "the school"), ("老师们", "the teachers"), ("大学", "the university")),
        (
            ("增加了阅读课", "added reading lessons"),
            ("改变了考试的办法", "changed the examination"),
            ("给新生办了讲座", "held a lecture for new students"),
            ("开放了图书馆", "opened the library to everyone"),
        ),
    ),
)
_REQUESTS = (
    ("关门", "关一下门", "close the door"),
    ("开窗", "开一下窗", "open the window"),
    ("安静", "安静一点", "be quiet"),
    ("等我", "等我一下", "wait for me"),
    ("把书给我", "把书给我", "give me the book"),
    ("快点回复", "尽快回复我", "answer soon"),
    ("让开", "让一下", "let me pass"),
    ("再说一遍", "再说一遍", "say it again"),
    ("看这个文件", "看一下这个文件", "look at this file"),
    ("把灯关了", "把灯关上", "turn off the light"),
    ("帮我搬箱子", "帮我搬一下箱子", "help me carry the box"),
    ("小声点", "小声一点", "speak more softly"),
    ("把数据发过来", "把数据发给我", "send me the data"),
    ("早点来", "早一点来", "come early"),
    ("倒杯水", "倒一杯水", "bring a glass of water"),
)
_EVENTS = (
    ("读书会", "reading circle"),
    ("音乐会", "concert"),
    ("家长会", "parents' meeting"),
    ("运动会", "sports day"),
    ("画展", "art exhibition"),
    ("电影放映", "film evening"),
    ("摄影讲座", "talk on photography"),
    ("棋类比赛", "chess tournament"),
)
_ROOMS = (
    ("图书馆二楼", "the library, second floor"),
    ("学校礼堂", "the school hall"),
    ("社区中心", "the community centre"),
    ("体育馆", "the sports hall"),
    ("三号教室", "room three"),
    ("人民公园", "People's Park"),
)
_WEEK = (
    ("星期一", "Monday"),
    ("星期二", "Tuesday"),
    ("星期三", "Wednesday"),
    ("星期四", "Thursday"),
    ("星期五", "Friday"),
    ("星期六", "Saturday"),
    ("星期天", "Sunday"),
)


def sentiment(rng: Random) -> Sample:
    """A review of two remarks: praise, blame, or both."""
    (zh, en), good, bad = rng.choice(_REVIEWS)
    verdict = rng.choice(("good", "bad", "mixed"))
    pool = {"good": (good, good), "bad": (bad, bad), "mixed": (good, bad)}[verdict]
    first = rng.choice(pool[0])
    second = rng.choice([remark for remark in pool[1] if remark != first])
    key = f"review:{en}:{first[1]}:{second[1]}"
    label_zh = {"good": "正面", "bad": "负面", "mixed": "有好有坏"}[verdict]
    label_en = {"good": "positive", "bad": "negative", "mixed": "mixed"}[verdict]
    if rng.random() < 0.5:
        review = f"{zh}{first[0]}，{'但是' if verdict == 'mixed' else '而且'}{second[0]}。"
        if rng.random() < 0.2:
            return Sample("zh", key, text=review)
        question = rng.choice(("这条评价是正面的还是负面的？{}", "判断下面评价的态度：{}", "{}这是好评吗？"))
        said = {"good": "是好评", "bad": "不是好评，是差评", "mixed": "有好评也有差评"}[verdict]
        return Sample(
            "zh", key, (question.format(review), f"{said}。" if question.startswith("{}") else f"{label_zh}。")
        )
    review = f"About {en}: {first[1]}, {'but' if verdict == 'mixed' else 'and'} {second[1]}."
    if rng.random() < 0.2:
        return Sample("en", key, text=review)
    question = rng.choice(("Is this review positive, negative or mixed? {}", "Classify the mood: {}"))
    return Sample("en", key, (question.format(review), f"{capital(label_en)}."))


def topic(rng: Random) -> Sample:
    """Which section of the newspaper a line belongs to."""
    (zh, en), who, what = rng.choice(_TOPICS)
    (who_zh, who_en), (what_zh, what_en) = rng.choice(who), rng.choice(what)
    key = f"topic:{who_en}:{what_en}"
    if rng.random() < 0.5:
        others = rng.sample([row[0][0] for row in _TOPICS if row[0][0] != zh], 2)
        names = [zh, *others]
        rng.shuffle(names)
        return Sample("zh", key, (f"下面的句子属于哪一类：{'、'.join(names)}？{who_zh}{what_zh}。", f"属于{zh}。"))
    others = rng.sample([row[0][1] for row in _TOPICS if row[0][1] != en], 2)
    names = [en, *others]
    rng.shuffle(names)
    question = f"Which topic is this, {names[0]}, {names[1]} or {names[2]}? {capital(who_en)} {what_en}."
    return Sample("en", key, (question, f"{capital(en)}."))


def polite(rng: Random) -> Sample:
    """An order made into a request."""
    plain, soft, en = rng.choice(_REQUESTS)
    key = f"polite:{en}"
    if rng.random() < 0.5:
        question = rng.choice(("把这句话说得客气一点：{}！", "请换成礼貌的说法：{}。"))
        answer = rng.choice(("请您{}，好吗？", "麻烦您{}，谢谢。", "能不能请您{}？"))
        return Sample("zh", key, (question.format(plain), answer.format(soft)))
    question = rng.choice(("Make this polite: {}!", "Say this more politely: {}."))
    answer = rng.choice(("Could you {}, please?", "Would you please {}?"))
    return Sample("en", key, (question.format(capital(en)), answer.format(en)))


def notice(rng: Random) -> Sample:
    """A notice, and its details in a list or one by one."""
    (event_zh, event_en), (room_zh, room_en), (day_zh, day_en) = (
        rng.choice(_EVENTS),
        rng.choice(_ROOMS),
        rng.choice(_WEEK),
    )
    hour, number = rng.randint(1, 8), rng.randint(100, 999)
    key = f"notice:{event_en}:{room_en}:{day_en}:{hour}"
    if rng.random() < 0.5:
        when = f"{day_zh}下午{numerals.zh_count(hour)}点"
        text = rng.choice(
            (
                f"通知：{when}在{room_zh}举行{event_zh}，电话{number}。",
                f"{event_zh}定于{when}在{room_zh}举行，有问题请打{number}。",
            )
        )
        details = [
            ("活动", "是什么活动？", event_zh),
            ("时间", "什么时候？", when),
            ("地点", "在哪里？", room_zh),
            ("电话", "电话是多少？", str(number)),
        ]
        chosen = rng.sample(details, rng.randint(1, 4))
        if rng.random() < 0.5:
            names = "、".join(name for name, _, _ in chosen)
            return Sample(
                "zh",
                key,
                (f"从下面的通知里提取{names}：\n{text}", "\n".join(f"{name}：{value}" for name, _, value in chosen)),
            )
        turns = [turn for _, ask, value in chosen for turn in (ask, f"{value}。")]
        return Sample("zh", key, (f"{text}\n{turns[0]}", *turns[1:]))
    when = f"{day_en} at {numerals.en(hour)} in the afternoon"
    text = rng.choice(
        (
            f"Notice: the {event_en} takes place on {when} in {room_en}. Phone: {number}.",
            f"Come to the {event_en} in {room_en} on {when}. Questions: call {number}.",
        )
    )
    details = [
        ("event", "What is it?", event_en),
        ("time", "When is it?", when),
        ("place", "Where is it?", room_en),
        ("phone", "Which number can I call?", str(number)),
    ]
    chosen = rng.sample(details, rng.randint(1, 4))
    if rng.random() < 0.5:
        names = ", ".join(name for name, _, _ in chosen)
        lines = "\n".join(f"{capital(name)}: {value}" for name, _, value in chosen)
        return Sample("en", key, (f"Extract {names} from this notice:\n{text}", lines))
    turns = [turn for _, ask, value in chosen for turn in (ask, f"{capital(value)}.")]
    return Sample("en", key, (f"{text}\n{turns[0]}", *turns[1:]))
